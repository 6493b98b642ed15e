"""Set the expiry date of a row when it is written."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from app.batches.tables import BatchRow
from app.files.tables import FileRow
from app.generations.tables import GenerationRow
from app.images.tables import ImageRole, ImageRow
from app.infra.db import Sessions
from app.settings import Settings
from app.styles.tables import StyleRow
from app.stylizations.tables import StylizationRow


@dataclass(frozen=True)
class Retention:
    """Days that things are kept after they were made; 0 keeps them until they are deleted."""

    styles: float
    results: float
    uploads: float

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As configured."""
        return cls(
            styles=settings.keep_styles_days,
            results=settings.keep_results_days,
            uploads=settings.keep_uploads_days,
        )

    def expires_at(self, row: object) -> datetime | None:
        """When a new row is to go; None: never."""
        days = 0.0
        if isinstance(row, ImageRow | FileRow):
            days = self.results if row.role == ImageRole.RESULT else self.uploads
        elif isinstance(row, StyleRow):
            days = self.styles
        elif isinstance(row, StylizationRow | GenerationRow | BatchRow):
            days = self.results
        return row.created_at + timedelta(days=days) if days else None  # type: ignore[attr-defined]


def stamp_new_rows(sessions: Sessions, retention: Retention) -> None:
    """Give every row that these sessions insert its ``expires_at``, unless it has one."""

    def stamp(row: object) -> None:
        if hasattr(row, "expires_at") and row.expires_at is None:
            row.expires_at = retention.expires_at(row)

    sessions.prepare_rows(stamp)
