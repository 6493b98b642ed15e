"""Every table of the service, imported so that ``Base.metadata`` is complete."""

from app.audit.tables import AuditRow
from app.auth.tables import ApiKeyRow, LinkSecretRow, RateRow
from app.batches.tables import BatchItemRow, BatchRow
from app.files.tables import FileRow
from app.generations.tables import GenerationRow
from app.idempotency.tables import IdempotencyKeyRow
from app.images.tables import ImageRow
from app.infra.db import Base
from app.infra.facts import FactRow
from app.infra.leader_lock import LeaseRow
from app.jobs.fair_queue import TurnRow
from app.jobs.tables import JobRow
from app.metrics.tables import TallyRow
from app.styles.tables import StyleRow
from app.stylizations.tables import StylizationRow
from app.webhooks.tables import DeliveryRow, WebhookRow

__all__ = [
    "ApiKeyRow",
    "AuditRow",
    "Base",
    "BatchItemRow",
    "BatchRow",
    "DeliveryRow",
    "FactRow",
    "FileRow",
    "GenerationRow",
    "IdempotencyKeyRow",
    "ImageRow",
    "JobRow",
    "LeaseRow",
    "LinkSecretRow",
    "RateRow",
    "StyleRow",
    "StylizationRow",
    "TallyRow",
    "TurnRow",
    "WebhookRow",
]
