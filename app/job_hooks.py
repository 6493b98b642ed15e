"""The hooks that every process gives its ledger: what each change of a job's state brings along.

Listed above the packages that it names, so that jobs need not know them. Kept short: they run in the change's
transaction, which locks the job's row, on SQLite the whole database.
"""

from app.images.canceled_uploads import shorten
from app.jobs.hooks import Hook
from app.metrics.counters import tally
from app.webhooks.outbox import write_messages

JOB_HOOKS: tuple[Hook, ...] = (write_messages, tally, shorten)
"""Messages of webhooks, counters for Prometheus, and when the uploads of a canceled job expire."""
