"""Spans of jobs. They belong to the trace of the request that made the job, whose context travels in the
headers of the queue's message. Without a tracer (`app.infra.tracing`) all of this does nothing."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind, StatusCode

from app.jobs.model import Job, JobState


@contextmanager
def job_span(job: Job, headers: Mapping[str, str]) -> Iterator[None]:
    """A span of one attempt at a job, in the trace that ``headers`` name."""
    with trace.get_tracer("fewstroke").start_as_current_span(
        f"job {job.kind.value}",
        context=propagate.extract(headers),
        kind=SpanKind.CONSUMER,
        attributes={
            "messaging.system": "nats",
            "fewstroke.job.id": job.id,
            "fewstroke.job.kind": job.kind.value,
            "fewstroke.job.attempt": job.attempt,
        },
    ):
        yield


def note_state(job: Job) -> None:
    """Put a change of a job's state into the current span, if there is one."""
    span = trace.get_current_span()
    span.add_event(
        "fewstroke.job.state", {"fewstroke.job.id": job.id, "fewstroke.job.state": job.state.value}
    )
    if job.state is JobState.FAILED and job.error is not None:
        span.set_status(StatusCode.ERROR, job.error["code"])
