"""What Prometheus reads: exact, the same after a restart, and with few labels."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import Message

from app.api.services import Container
from app.ids import new_id
from app.infra.db import Sessions
from app.jobs.job import JobKind
from app.jobs.ledger import Ledger, NewJob
from app.metrics.counters import bucket
from app.metrics.jobs import read_figures
from tests.support.fake_worker import FakeWorker
from tests.support.pictures import files, png

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scraped(client: httpx.AsyncClient) -> Samples:
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


async def test_jobs_are_counted_from_their_transitions(
    client: httpx.AsyncClient, fake_worker: FakeWorker
) -> None:
    for _ in range(2):
        assert (await client.post("/v1/styles", files=files(examples=png()))).status_code == 202
    form = files(examples=png(), content=png())
    assert (await client.post("/v1/stylize", files=form)).status_code == 202
    before = await scraped(client)
    assert value(before, "fewstroke_jobs", kind="adapt", state="queued") == 2
    assert value(before, "fewstroke_jobs", kind="stylize_once", state="queued") == 1
    assert value(before, "fewstroke_jobs", kind="stylize", state="running") == 0
    assert value(before, "fewstroke_jobs_created_total", kind="adapt") == 2
    assert value(before, "fewstroke_source_up", source="ledger") == 1
    for _ in range(3):
        await fake_worker.do_one()
    after = await scraped(client)
    assert value(after, "fewstroke_jobs", kind="adapt", state="queued") == 0
    assert value(after, "fewstroke_jobs_finished_total", kind="adapt", state="succeeded") == 2
    assert value(after, "fewstroke_jobs_finished_total", kind="stylize_once", state="succeeded") == 1
    for name in ("wait", "run"):
        assert value(after, f"fewstroke_job_{name}_seconds_count", kind="adapt") == 2
    assert value(after, "fewstroke_job_contents_count", kind="stylize_once") == 1
    assert value(after, "fewstroke_job_contents_sum", kind="stylize_once") == 1
    # the fake worker reports 0.5
    assert value(after, "fewstroke_adaptation_loss_sum", kind="adapt") == 1.0
    assert value(after, "fewstroke_adaptation_loss_bucket", kind="adapt", le="0.5") == 2
    assert value(after, "fewstroke_adaptation_loss_bucket", kind="adapt", le="0.3") == 0
    assert value(after, "fewstroke_adaptation_loss_bucket", kind="adapt", le="+Inf") == 2


async def test_what_did_not_happen_is_not_counted(ledger: Ledger, sessions: Sessions) -> None:
    job = await ledger.create(NewJob(new_id("job"), JobKind.ADAPT, {}))
    begun = await ledger.begin(job.id, "w")
    assert begun is not None
    assert await ledger.release(job.id, begun.attempt)
    assert await ledger.begin(job.id, "w")
    assert not await ledger.fail(job.id, 1, code="job_failed", detail="fenced out")

    async def broken(_: object) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        await ledger.succeed(job.id, 2, {}, effects=broken)
    assert await ledger.fail(job.id, 2, code="job_failed", detail="x")

    class Away:
        async def workers(self) -> None:
            raise OSError("the broker is away")

    figures = await read_figures(sessions, Away())  # type: ignore[arg-type]
    counts = {
        (row.name, row.label): row.count for row in figures.tallies if row.name in ("created", "finished")
    }
    assert counts == {("created", ""): 1, ("finished", "failed"): 1}
    assert sum(row.count for row in figures.tallies if row.name == "wait") == 1, "the first start alone"
    families = {family.name: family for family in figures.collect()}
    up = {sample.labels["source"]: sample.value for sample in families["fewstroke_source_up"].samples}
    assert up == {"ledger": 1, "heartbeats": 0}
    assert "fewstroke_workers" not in families, "unknown, not none"


async def test_workers_are_added_up(client: httpx.AsyncClient, services: Container) -> None:
    assert value(await scraped(client), "fewstroke_workers", device="cpu", state="idle") == 0
    beat = {"beat_at": "2020-01-01T00:00:00+00:00", "rss_mb": 100.0, "job": None, "device": "cpu"}
    await services.broker.beat("w1", beat)
    gpu = {"used_mb": 10.0, "total_mb": 100.0}
    await services.broker.beat("w2", {**beat, "device": "cuda:0", "job": "job_x", "gpu": gpu})
    samples = await scraped(client)
    assert value(samples, "fewstroke_workers", device="cpu", state="idle") == 1
    assert value(samples, "fewstroke_workers", device="cuda", state="busy") == 1
    assert value(samples, "fewstroke_worker_memory_bytes") == 200 * 2**20
    assert value(samples, "fewstroke_gpu_memory_used_bytes") == 10 * 2**20
    age = value(samples, "fewstroke_worker_heartbeat_age_seconds")
    assert age is not None
    assert age > 1e6
    assert not any("w1" in str(key) or "job_x" in str(key) for key in samples)


async def test_requests_are_counted_by_template(client: httpx.AsyncClient) -> None:
    for number in range(3):
        await client.get(f"/v1/jobs/job_{number}")
        await client.get(f"/nowhere/{number}")
    await client.get("/v1/styles?limit=0")
    await client.request("BREW", "/v1/styles")
    samples = await scraped(client)
    name = "fewstroke_http_requests_total"
    assert value(samples, name, method="GET", route="/v1/jobs/{job_id}", status="404") == 3
    assert value(samples, name, method="GET", route="none", status="404") == 3
    assert value(samples, name, method="GET", route="/v1/styles", status="422") == 1
    routes = {dict(labels)["route"] for sample, labels in samples if sample == name}
    assert routes <= {"/v1/jobs/{job_id}", "none", "/v1/styles", "/metrics"}
    methods = {dict(labels)["method"] for sample, labels in samples if sample == name}
    assert methods == {"GET", "other"}
    count = "fewstroke_http_request_seconds_count"
    assert value(samples, count, method="GET", route="/v1/jobs/{job_id}") == 3


@pytest.mark.parametrize("path", ["/v1/styles", "/v1/stylize", "/v1/webhooks"])
async def test_an_upload_that_its_client_breaks_off_is_no_error(
    client: httpx.AsyncClient, app: FastAPI, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    begun = b'--X\r\nContent-Disposition: form-data; name="examples"; filename="a"\r\n\r\nabc'
    messages = [{"type": "http.request", "body": begun, "more_body": True}]
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    request = client.build_request("POST", path, headers={"Content-Type": "multipart/form-data; boundary=X"})
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
    }
    with caplog.at_level("INFO"):
        await app(scope, receive, send)
    assert sent == [], "nobody is there"
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
    assert f"POST {path} gone" in caplog.text
    statuses = [
        dict(labels)["status"]
        for name, labels in await scraped(client)
        if name == "fewstroke_http_requests_total"
    ]
    assert not any(status.startswith("5") for status in statuses)


async def test_open_event_streams_are_counted(live: httpx.AsyncClient) -> None:
    answer = await live.post("/v1/styles", files=files(examples=png()))
    async with live.stream("GET", f"/v1/jobs/{answer.json()['job']['id']}/events") as stream:
        assert stream.status_code == 200
        assert value(await scraped(live), "fewstroke_event_streams_open") == 1
    closed = 1.0
    while closed:
        closed = value(await scraped(live), "fewstroke_event_streams_open") or 0.0


def test_buckets() -> None:
    assert [bucket("wait", seconds) for seconds in (0.0, 0.1, 0.11, 1e9)] == ["0.1", "0.1", "0.25", "+Inf"]
