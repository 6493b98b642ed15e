"""Set up OpenTelemetry tracing when ``FEWSTROKE_OTEL`` asks for it.

Requests are traced by FastAPI itself, jobs by `app.jobs.tracing`.

Of OpenTelemetry only the interface is always there; it does nothing until ``start_tracing`` gives it an
implementation (the extra ``otel``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry import propagate, trace

from app.errors import ConfigError

if TYPE_CHECKING:
    from app.settings import Settings

_PROBES = frozenset({"/livez", "/readyz", "/metrics"})
_SIGNATURE = re.compile(r"(?<=signature=)[^&]+")


def start_tracing(settings: Settings, part: str) -> None:
    """Send the traces of this process, ``fewstroke-<part>``, by OTLP over HTTP, if the settings want it.

    Where to is said by OpenTelemetry's own variables (``OTEL_EXPORTER_OTLP_ENDPOINT``, ...). What is left in
    the buffer is sent when the process ends. Raises ConfigError when the extra is not installed.
    """
    if not settings.otel:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigError(
            "FEWSTROKE_OTEL needs OpenTelemetry's SDK: pip install 'fewstroke[otel]', or unset it."
        ) from error

    class Discreet(SpanProcessor):
        """Takes the signatures of links out of the addresses that spans carry."""

        def on_start(self, span: Span, parent_context: Any = None) -> None:
            query = (span.attributes or {}).get("url.query")
            if isinstance(query, str) and "signature=" in query:
                span.set_attribute("url.query", _SIGNATURE.sub("REDACTED", query))

    provider = TracerProvider(resource=Resource.create({"service.name": f"fewstroke-{part}"}))
    provider.add_span_processor(Discreet())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def is_probe(scope: Mapping[str, Any]) -> bool:
    """Whether a request is one of those that come every few seconds and say nothing."""
    return scope.get("path") in _PROBES


def trace_headers() -> dict[str, str]:
    """The trace of what this task does, as headers (W3C Trace Context); empty without one."""
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return headers
