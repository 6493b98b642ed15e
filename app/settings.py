"""Settings of every process of the service: environment variables with the prefix ``FEWSTROKE_``."""

from functools import cache
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url

MIB = 1024 * 1024


def _default_data_dir() -> Path:
    import os

    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "fewstroke"


def _env(name: str) -> AliasChoices:
    """Accept ``FEWSTROKE_<NAME>`` first, then the bare name that other tools use."""
    return AliasChoices(f"FEWSTROKE_{name}", name, name.lower())


class Settings(BaseSettings):
    """Everything that can be configured. Sizes are in bytes, times in seconds, sides in pixels."""

    model_config = SettingsConfigDict(env_prefix="FEWSTROKE_", extra="ignore", validate_by_name=True)

    # Where things are kept.
    data_dir: Path = Field(default_factory=_default_data_dir)  # database, blobs, broker storage
    database_url: str | None = Field(None, validation_alias=_env("DATABASE_URL"))  # default: SQLite there
    blobs_url: str | None = None  # a folder, file:///folder or s3://bucket/prefix; default: data_dir/blobs
    s3_endpoint: str | None = None  # for S3 services other than AWS, e.g. http://127.0.0.1:9000
    s3_region: str = "us-east-1"
    s3_access_key_id: str | None = Field(None, validation_alias=_env("AWS_ACCESS_KEY_ID"))
    s3_secret_access_key: SecretStr | None = Field(None, validation_alias=_env("AWS_SECRET_ACCESS_KEY"))
    nats_url: str | None = Field(None, validation_alias=_env("NATS_URL"))  # default: an embedded server
    nats_token: SecretStr | None = Field(None, validation_alias=_env("NATS_TOKEN"))
    checkpoint: Path | None = None  # default: the checkpoint that the package carries

    # HTTP.
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    max_upload_bytes: int = Field(20 * MIB, ge=1)  # one file
    max_style_bytes: int = Field(4 * MIB, ge=1)  # one imported style file
    max_request_bytes: int = Field(128 * MIB, ge=1)  # one request with all its files
    max_wait_seconds: int = Field(300, ge=0)  # cap of `Prefer: wait=N`

    # Images.
    max_examples: int = Field(16, ge=1, le=16)
    max_contents: int = Field(16, ge=1)
    min_side: int = Field(16, ge=1)
    max_side: int = Field(8192, ge=16)
    max_pixels: int = Field(40_000_000, ge=256)  # decompression bombs are refused from the header alone
    max_output_side: int = Field(1280, ge=64)  # larger contents are scaled down when they arrive
    example_side: int = Field(1024, ge=64)  # examples are scaled down to this: the style needs no more
    decoder_processes: int = Field(1, ge=1)  # of one API process; pictures wait for each other in it
    decode_seconds: float = Field(30.0, gt=0)  # one image may keep the decoder this long

    # Adaptation.
    max_steps: int = Field(100, ge=1)  # inner steps that a request may ask for

    # Jobs.
    max_queued_jobs: int = Field(256, ge=1)  # beyond it: 429 with Retry-After
    max_attempts: int = Field(3, ge=1)  # a job that kills its worker so many times is failed
    job_expires_after: float = Field(24 * 3600, gt=0)  # a job still queued after so long is expired
    reconcile_every: float = Field(2.0, gt=0)

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @property
    def database(self) -> URL:
        """The database as an async SQLAlchemy URL (``sqlite+aiosqlite`` or ``postgresql+asyncpg``)."""
        if self.database_url is None:
            return URL.create("sqlite+aiosqlite", database=str(self.data_dir / "fewstroke.db"))
        url = make_url(self.database_url)
        drivers = {
            "sqlite": "sqlite+aiosqlite",
            "postgres": "postgresql+asyncpg",
            "postgresql": "postgresql+asyncpg",
        }
        return url.set(drivername=drivers.get(url.drivername, url.drivername))

    @property
    def blobs(self) -> str:
        """Where blobs live: a folder or an ``s3://`` URL."""
        return self.blobs_url or str(self.data_dir / "blobs")


def load_settings(**overrides: Any) -> Settings:
    """Read the environment; ``overrides`` (field names) win over it."""
    return Settings(**overrides)


@cache
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return load_settings()
