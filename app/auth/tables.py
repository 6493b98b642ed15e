"""The tables of API keys, of the secrets of links, and of the rates of keys."""

from datetime import datetime

from sqlalchemy import Float, String
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.db import Base, UTCDateTime


class ApiKeyRow(Base):
    """A key. Rows are never deleted: a service that ever had a key stays locked."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    public: Mapped[str] = mapped_column(String(16), unique=True)
    digest: Mapped[str] = mapped_column(String(64))  # SHA-256 of the whole key, hexadecimal
    owner: Mapped[str] = mapped_column(String(64), index=True)
    name: Mapped[str] = mapped_column(String(100))
    scopes: Mapped[str] = mapped_column(String(40))  # e.g. "read write"
    requests_per_minute: Mapped[int | None]  # None: the service's default; 0: no limit
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)  # to the minute


class LinkSecretRow(Base):
    """A secret that signs links; the newest one does."""

    __tablename__ = "link_secrets"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    secret: Mapped[str] = mapped_column(String(300))  # hexadecimal, sealed (app.infra.secrets_at_rest)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)


class RateRow(Base):
    """The bucket of a key's requests."""

    __tablename__ = "rates"

    key_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    full_at: Mapped[float] = mapped_column(Float)  # s since 1970
