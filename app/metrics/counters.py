"""Count what happens to jobs in the database, in the transaction of what is counted.

Workers have no HTTP, come and go, and there may be many; the ledger's rows expire. So what happened to jobs
is added up in the database, by whichever process makes the transition, and every API replica can show it:
nothing is lost with a process, and nothing is counted that was rolled back.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from app.infra.db import table_of
from app.jobs.job import Job, JobState
from app.metrics.tables import TallyRow

_TALLIES = table_of(TallyRow)

CREATED = "created"
FINISHED = "finished"
WAIT = "wait"
RUN = "run"
CONTENTS = "contents"
BATCH = "batch"
LOSS = "loss"

BUCKETS: dict[str, tuple[float, ...]] = {
    WAIT: (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200),  # s
    RUN: (0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640),  # s
    CONTENTS: (1, 2, 4, 8, 16, 32, 64),
    BATCH: (1, 2, 4, 8, 16, 32, 64),
    LOSS: (0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1),
}

Tally = tuple[str, str, float]
"""Name, label, observed value."""


async def tally(session: AsyncSession, job: Job) -> None:
    """Count what the job's new state means."""
    values = [
        {"name": name, "kind": job.kind.value, "label": label, "count": 1, "total": value}
        for name, label, value in sorted(_observations(job))
    ]
    if not values:
        return
    # Sorted: transactions that add to the same rows lock them in the same order.
    await session.execute(_add(session.get_bind().dialect.name), values)


@cache
def _add(dialect: str) -> Any:
    """One statement for any number of rows: with the values in it, it would be compiled for each job."""
    insert: Any = (postgresql if dialect == "postgresql" else sqlite).insert(_TALLIES)
    return insert.on_conflict_do_update(
        index_elements=["name", "kind", "label"],
        set_={
            "count": _TALLIES.c.count + insert.excluded.count,
            "total": _TALLIES.c.total + insert.excluded.total,
        },
    )


def bucket(name: str, value: float) -> str:
    """The upper bound of the bucket that ``value`` falls into."""
    return next((str(float(bound)) for bound in BUCKETS[name] if value <= bound), "+Inf")


def _observations(job: Job) -> Iterator[Tally]:
    if job.state is JobState.QUEUED and job.attempt == 0:
        yield CREATED, "", 1.0
    if job.state is JobState.RUNNING and job.attempt == 1 and job.started_at is not None:
        yield _observed(WAIT, (job.started_at - job.created_at).total_seconds())
    if not job.state.terminal:
        return
    yield FINISHED, job.state.value, 1.0
    if job.started_at is not None and job.finished_at is not None:
        yield _observed(RUN, (job.finished_at - job.started_at).total_seconds())
    if job.state is not JobState.SUCCEEDED:
        return
    if contents := len(job.params.get("contents", ())):
        yield _observed(CONTENTS, float(contents))
    if batch := (job.result or {}).get("batch"):
        yield _observed(BATCH, float(batch))
    end = (job.result or {}).get("losses", {}).get("end", {})
    if "total" in end:
        yield _observed(LOSS, float(end["total"]))


def _observed(name: str, value: float) -> Tally:
    value = max(value, 0.0)  # clocks of two machines
    return name, bucket(name, value), value
