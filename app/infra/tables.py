"""Every table of the service, imported so that ``Base.metadata`` is complete."""

from app.images.tables import ImageRow
from app.infra.db import Base
from app.jobs.tables import JobRow
from app.styles.tables import StyleRow
from app.stylizations.tables import StylizationRow

__all__ = ["Base", "ImageRow", "JobRow", "StyleRow", "StylizationRow"]
