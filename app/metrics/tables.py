"""The table of counters and histograms about jobs, which survive restarts."""

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.db import Base


class TallyRow(Base):
    """How often something was observed, and the sum of what was observed.

    ``label`` is a state, or the upper bound of a histogram's bucket (this bucket alone, not cumulated).
    """

    __tablename__ = "metric_tallies"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    label: Mapped[str] = mapped_column(String(16), primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger, default=0)
    total: Mapped[float] = mapped_column(default=0.0)
