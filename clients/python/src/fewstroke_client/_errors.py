"""What can go wrong, in one tree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fewstroke_client._models import Job, JobError


class FewstrokeError(Exception):
    """Base of everything that this package raises on purpose."""


class ConnectionFailedError(FewstrokeError):
    """The service was not reached, or the connection broke, as often as it was tried.

    The cause (``__cause__``) is httpx's error. A request that makes something may have arrived: sent again
    with the same ``idempotency_key`` it makes nothing twice.
    """


class UnexpectedAnswerError(FewstrokeError):
    """The answer is not one of Fewstroke's: is this its address?"""


class ApiError(FewstrokeError):
    """The service refused the request; ``str(error)`` is its sentence on what was wrong and what to do.

    ``status`` is the HTTP status and ``code`` a word of the service's closed list, e.g. ``image_animated``;
    ``retry_after`` are the seconds after which the service wants to be asked again, and ``problem`` is the
    whole problem document (RFC 9457).
    """

    def __init__(
        self, status: int, code: str, detail: str, *, retry_after: float | None, problem: Mapping[str, Any]
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.retry_after = retry_after
        self.problem = problem

    @property
    def request_id(self) -> str | None:
        """Quote it when you report a problem."""
        return self.problem.get("request_id")

    @property
    def errors(self) -> list[dict[str, str]]:
        """Invalid values, as ``{"field", "detail"}``; of a request that was refused for its values."""
        return list(self.problem.get("errors") or [])


class InvalidRequestError(ApiError):
    """400, 406, 413, 415, 422: correct the request."""


class UnauthenticatedError(ApiError):
    """401: no key, or one that does not count."""


class ForbiddenError(ApiError):
    """403: the key lacks a scope."""


class NotFoundError(ApiError):
    """404: not there, or somebody else's."""


class ConflictError(ApiError):
    """409: the state of things does not allow it."""


class RateLimitedError(ApiError):
    """429: too many requests, or the queue is full; it was tried again before this was raised."""


class ServiceError(ApiError):
    """5xx: the service's fault, or it is not ready."""


class JobFailedError(FewstrokeError):
    """The job that was waited for ended as ``failed``, ``expired`` or ``canceled``.

    ``code`` and ``detail`` are the job's; ``client.retry_job(error.job)`` tries it again.
    """

    def __init__(self, job: Job, error: JobError | None = None) -> None:
        error = error or job.error
        self.job = job
        self.code = error.code if error else job.state
        self.detail = error.detail if error else f"Job {job.id} is {job.state} and left no picture."
        super().__init__(self.detail)


class WaitTimeoutError(FewstrokeError):
    """The job was not over in time; it goes on, and can be waited for again."""

    def __init__(self, job_id: str, seconds: float) -> None:
        super().__init__(f"Job {job_id} was not over after {seconds:g} s: it goes on, wait for it again.")
        self.job_id = job_id


_KINDS: dict[int, type[ApiError]] = {
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    429: RateLimitedError,
}


def api_error(status: int, problem: Mapping[str, Any], retry_after: float | None) -> ApiError:
    """The exception for a problem document."""
    kind = _KINDS.get(status, ServiceError if status >= 500 else InvalidRequestError)
    return kind(
        status,
        str(problem.get("code", "")),
        str(problem.get("detail") or problem.get("title") or f"HTTP status {status}"),
        retry_after=retry_after,
        problem=problem,
    )
