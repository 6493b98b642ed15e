"""Prometheus metrics of one API process: requests, open event streams, memory, file handles."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)  # s


class RequestFigures:
    """In a registry of their own. Routes are templates (`/v1/jobs/{job_id}`): few, whatever clients send."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ["method", "route"]
        self._requests = Counter(
            "fewstroke_http_requests", "Answered requests.", [*labels, "status"], registry=self.registry
        )
        self._latency = Histogram(
            "fewstroke_http_request_seconds",
            "From the request's arrival to the first byte of the answer.",
            labels,
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._streams = Gauge(
            "fewstroke_event_streams_open", "Open streams of job events.", registry=self.registry
        )
        ProcessCollector(registry=self.registry)

    def answered(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """An answer has begun. ``route`` None: nothing is at the address."""
        labels = [method if method in _METHODS else "other", route or "none"]
        self._requests.labels(*labels, str(status)).inc()
        self._latency.labels(*labels).observe(seconds)

    def stream_opened(self) -> None:
        """An event stream began."""
        self._streams.inc()

    def stream_closed(self) -> None:
        """It ended, whoever ended it."""
        self._streams.dec()
