"""Prometheus metrics that all API replicas share: from the ledger, the counters and the heartbeats."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from app.infra.broker import Broker
from app.infra.db import Sessions
from app.jobs.job import ACTIVE_STATES, JobKind
from app.jobs.tables import JobRow
from app.metrics.counters import BATCH, BUCKETS, CONTENTS, CREATED, FINISHED, LOSS, RUN, WAIT
from app.metrics.tables import TallyRow
from app.webhooks.tables import DeliveryRow, DeliveryState

_MIB = 2**20


@dataclass(frozen=True, eq=False)  # a registry keeps collectors by identity
class Figures(Collector):
    """What was read for one scrape. None: the source did not answer, and its figures are left out."""

    depth: Mapping[tuple[str, str], int] | None = None
    tallies: Sequence[TallyRow] = field(default=())
    deliveries: int = 0
    workers: Sequence[Mapping[str, Any]] | None = None

    def collect(self) -> Iterable[Metric]:
        """In Prometheus's terms."""
        up = GaugeMetricFamily(
            "fewstroke_source_up", "Whether the figures of a source could be read.", labels=["source"]
        )
        up.add_metric(["ledger"], float(self.depth is not None))
        up.add_metric(["heartbeats"], float(self.workers is not None))
        yield up
        if self.depth is not None:
            yield from self._jobs(self.depth)
        if self.workers is not None:
            yield from _workers(self.workers)

    def _jobs(self, depth: Mapping[tuple[str, str], int]) -> Iterable[Metric]:
        queue = GaugeMetricFamily("fewstroke_jobs", "Unfinished jobs.", labels=["kind", "state"])
        for kind in JobKind:
            for state in sorted(ACTIVE_STATES):
                queue.add_metric([kind, state], depth.get((kind, state), 0))
        yield queue
        yield GaugeMetricFamily(
            "fewstroke_webhook_messages_pending", "Webhook messages to be sent.", value=self.deliveries
        )
        by_name: dict[str, list[TallyRow]] = defaultdict(list)
        for row in self.tallies:
            by_name[row.name].append(row)
        created = CounterMetricFamily("fewstroke_jobs_created", "Jobs that were accepted.", labels=["kind"])
        for row in by_name[CREATED]:
            created.add_metric([row.kind], row.count)
        yield created
        finished = CounterMetricFamily(
            "fewstroke_jobs_finished", "Jobs by their final state.", labels=["kind", "state"]
        )
        for row in by_name[FINISHED]:
            finished.add_metric([row.kind, row.label], row.count)
        yield finished
        yield _histogram("fewstroke_job_wait_seconds", "From creation to the first start.", WAIT, by_name)
        yield _histogram("fewstroke_job_run_seconds", "From the first start to the end.", RUN, by_name)
        yield _histogram("fewstroke_job_contents", "Pictures that a job rendered.", CONTENTS, by_name)
        yield _histogram(
            "fewstroke_job_batch_size", "Jobs computed together with a job, itself included.", BATCH, by_name
        )
        yield _histogram(
            "fewstroke_adaptation_loss",
            "The loss at the end of an adaptation, as a share of the zero-step style's.",
            LOSS,
            by_name,
        )


async def read_figures(sessions: Sessions, broker: Broker) -> Figures:
    """For one scrape. A source that is away takes its figures along, not those of the others."""
    depth: dict[tuple[str, str], int] | None = None
    tallies: Sequence[TallyRow] = ()
    deliveries = 0
    try:
        async with sessions() as session:
            query = (
                select(JobRow.kind, JobRow.state, func.count())
                .where(JobRow.state.in_(ACTIVE_STATES))
                .group_by(JobRow.kind, JobRow.state)
            )
            counted = {(kind, state): count for kind, state, count in await session.execute(query)}
            tallies = list(await session.scalars(select(TallyRow)))
            pending = (
                select(func.count())
                .select_from(DeliveryRow)
                .where(DeliveryRow.state == DeliveryState.PENDING)
            )
            deliveries = await session.scalar(pending) or 0
            depth = counted
    except Exception:  # shown as fewstroke_source_up 0
        depth = None
    workers: list[dict[str, Any]] | None
    try:
        workers = await broker.workers()
    except Exception:  # the same
        workers = None
    return Figures(depth, tallies, deliveries, workers)


def _histogram(
    name: str, documentation: str, tally: str, rows: Mapping[str, Sequence[TallyRow]]
) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, documentation, labels=["kind"])
    kinds: dict[str, list[TallyRow]] = defaultdict(list)
    for row in rows.get(tally, ()):
        kinds[row.kind].append(row)
    for kind, observed in sorted(kinds.items()):
        counts = {row.label: row.count for row in observed}
        cumulated, buckets = 0, []
        for bound in (*(str(float(value)) for value in BUCKETS[tally]), "+Inf"):
            cumulated += counts.get(bound, 0)
            buckets.append((bound, cumulated))
        family.add_metric([kind], buckets, sum(row.total for row in observed))
    return family


def _workers(workers: Sequence[Mapping[str, Any]]) -> Iterable[Metric]:
    """Added up over workers: their ids change with every restart and are no labels."""
    count = GaugeMetricFamily(
        "fewstroke_workers", "Workers with a fresh heartbeat.", labels=["device", "state"]
    )
    for device in ("cpu", "cuda"):
        for state in ("busy", "idle"):
            number = sum(
                str(worker.get("device", "cpu")).startswith(device)
                and (worker.get("job") is not None) == (state == "busy")
                for worker in workers
            )
            count.add_metric([device, state], number)
    yield count
    if not workers:
        return
    now = datetime.now(UTC)
    ages = [
        max((now - datetime.fromisoformat(worker["beat_at"])).total_seconds(), 0.0)
        for worker in workers
        if "beat_at" in worker
    ]
    if ages:
        yield GaugeMetricFamily(
            "fewstroke_worker_heartbeat_age_seconds",
            "Age of the oldest of the workers' latest heartbeats; a silent worker is forgotten after 15 s.",
            value=max(ages),
        )
    yield GaugeMetricFamily(
        "fewstroke_worker_silence_seconds",
        "The longest that a worker has not gone on with its job.",
        value=max(float(worker.get("silence_seconds") or 0) for worker in workers),
    )
    yield _sum("fewstroke_worker_memory_bytes", "Resident memory of all workers.", workers, "rss_mb")
    gpus = [worker["gpu"] for worker in workers if worker.get("gpu")]
    if gpus:
        yield _sum("fewstroke_gpu_memory_used_bytes", "Used memory of the workers' GPUs.", gpus, "used_mb")
        yield _sum("fewstroke_gpu_memory_total_bytes", "Memory of the workers' GPUs.", gpus, "total_mb")


def _sum(name: str, documentation: str, items: Sequence[Mapping[str, Any]], key: str) -> Metric:
    value = sum(float(item.get(key) or 0) for item in items) * _MIB
    return GaugeMetricFamily(name, documentation, value=value)
