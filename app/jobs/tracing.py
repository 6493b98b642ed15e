"""Tie a job to the request that made it: by the request's id in log lines, and by its trace.

Both stand in the job's row. (In the headers of the queue's message they would go astray: jobs of a lane swap
tickets, see `app.jobs.fair_queue`.) Without a tracer (`app.infra.tracing`) there are no spans.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind, StatusCode

from app.infra.logs import bound, log_context
from app.infra.tracing import trace_headers
from app.jobs.job import Job, JobState

_REQUEST = "request_id"


def origin() -> dict[str, str]:
    """What is to be remembered of the request at hand, for a job that it makes; empty without one."""
    request_id = bound(_REQUEST)
    return trace_headers() | ({_REQUEST: request_id} if request_id else {})


@contextmanager
def about_job(job: Job) -> Iterator[None]:
    """Log lines name the job, and the request that made it unless they belong to another one."""
    with log_context(job_id=job.id, request_id=bound(_REQUEST) or job.origin.get(_REQUEST)):
        yield


@contextmanager
def job_span(job: Job) -> Iterator[None]:
    """A span of one attempt at a job, in the trace of the request that made it."""
    with trace.get_tracer("fewstroke").start_as_current_span(
        f"job {job.kind.value}",
        context=propagate.extract(job.origin),
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
