"""With `FEWSTROKE_OTEL` a request and its job are one trace, received here as a collector would."""

from __future__ import annotations

import asyncio
import gzip
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from app.errors import ConfigError
from app.infra.tracing import start_tracing
from app.settings import Settings
from benchmarks.stub.service import picture, stub_service
from tests.support.waiting import eventually

pytestmark = pytest.mark.process

Spans = list[tuple[str, Any]]


@pytest.fixture
def collector() -> Iterator[tuple[str, Spans]]:
    """An address that takes OTLP over HTTP, and (service, span) of what came."""
    spans: Spans = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            request = ExportTraceServiceRequest.FromString(body)
            for resource in request.resource_spans:
                named = {item.key: item.value.string_value for item in resource.resource.attributes}
                for scope in resource.scope_spans:
                    spans.extend((named["service.name"], span) for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on the console."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", spans
    server.shutdown()
    server.server_close()
    thread.join()


def attributes(span: Any) -> dict[str, str]:
    return {item.key: item.value.string_value for item in span.attributes}


async def test_a_request_and_its_job_are_one_trace(collector: tuple[str, Spans], tmp_path: Path) -> None:
    endpoint, spans = collector
    env = {
        "FEWSTROKE_OTEL": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    async with (
        stub_service(tmp_path / "data", workers=1, env=env) as service,
        httpx.AsyncClient(base_url=service.url, timeout=30, trust_env=False) as client,
    ):
        files = {"examples": ("a.png", picture("navy")), "content": ("b.png", picture("teal"))}
        answer = await client.post(
            "/v1/stylize", files=files, data={"steps": "1"}, headers={"Prefer": "wait=30"}
        )
        job = answer.raise_for_status().json()["job"]
        image = await client.get(f"/v1/images/{job['result']['images'][0]['id']}")
        signed = image.json()["url"]
        assert "signature=" in signed
        assert (await client.get(signed)).status_code == 200

        def named(name: str) -> list[tuple[str, Any]]:
            return [(part, span) for part, span in spans if span.name == name]

        async def arrived() -> bool:
            await asyncio.sleep(0)
            return bool(named("job stylize_once") and named("GET /v1/images/{image_id}/content"))

        await eventually(arrived)
    ((part, request),) = named("POST /v1/stylize")
    assert part == "fewstroke-api"
    ((part, attempt),) = named("job stylize_once")
    assert part == "fewstroke-worker"
    assert attempt.trace_id == request.trace_id
    assert attempt.parent_span_id == request.span_id
    assert attributes(attempt)["fewstroke.job.id"] == job["id"]
    states = [attributes(event)["fewstroke.job.state"] for event in attempt.events]
    assert states[-1] == "succeeded"
    ((_, download),) = named("GET /v1/images/{image_id}/content")
    assert attributes(download)["url.query"].endswith("signature=REDACTED")
    assert not [span for _, span in spans if attributes(span).get("url.path") == "/readyz"], (
        "probes say nothing"
    )


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ConfigError, match=r"fewstroke\[otel\]"):
        start_tracing(Settings(otel=True), "api")
