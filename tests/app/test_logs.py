"""Log lines: one object each, about something, and without secrets."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import httpx
import pytest

from app.api.container import Container
from app.infra.logs import ConsoleFormatter, JsonFormatter, log_context, redact
from tests.app.support import Hand, files, png


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the JSON format writes while the test runs."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def parsed(lines: io.StringIO, logger: str) -> list[dict[str, object]]:
    found = [json.loads(line) for line in lines.getvalue().splitlines()]
    return [line for line in found if line["logger"] == logger]


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer hunter2abc",
        "the secret whsec_hunter2+/= signs",
        "key fsk_hunter2-x_y",
        "postgresql://user:hunter2@db/x",
        "nats://:hunter2@nats:4222",
        "GET /v1/images/img_1?signature=hunter2&x=1",
        "token=hunter2",
    ],
)
def test_secrets_are_masked(text: str) -> None:
    assert "hunter2" not in redact(text)
    assert "***" in redact(text)


def test_ordinary_text_stays() -> None:
    text = "GET /v1/jobs/job_01?after=x 200 in 3 ms; see http://localhost:8000/docs, a@b"
    assert redact(text) == text


def test_a_line_is_an_object_with_what_is_bound(lines: io.StringIO) -> None:
    logger = logging.getLogger("x")
    with log_context(job_id="job_1", request_id=None):
        logger.info("one\ntwo %s", "three", extra={"number": 4, "url": "a://b:hunter2@c"})
        try:
            raise ValueError("Bearer hunter2")
        except ValueError:
            logger.exception("oops")
    logger.info("afterwards")
    first, second, third = parsed(lines, "x")
    assert (first["message"], first["job_id"], first["number"]) == ("one\ntwo three", "job_1", 4)
    assert first["level"] == "info"
    assert "request_id" not in first
    assert "ValueError" in str(second["exception"])
    assert "job_id" not in third
    assert "hunter2" not in lines.getvalue()


def test_lines_for_people_say_what_they_are_about() -> None:
    record = logging.makeLogRecord({"msg": "begins", "levelname": "INFO", "name": "x"})
    with log_context(job_id="job_1"):
        assert ConsoleFormatter().format(record).endswith("x: begins [job_id=job_1]")
        record.msg = "job_1 begins"
        assert ConsoleFormatter().format(record).endswith("x: job_1 begins"), "not twice"


async def test_a_request_and_its_job_can_be_followed(
    client: httpx.AsyncClient, services: Container, hand: Hand, lines: io.StringIO
) -> None:
    answer = await client.post(
        "/v1/styles?token=hunter2",
        files=files(examples=png()),
        headers={"X-Request-ID": "mine-1", "Authorization": ""},
    )
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["job"]["id"]
    (request,) = parsed(lines, "app.access_log")
    assert (request["method"], request["path"], request["status"]) == ("POST", "/v1/styles", 202)
    assert (request["route"], request["request_id"]) == ("/v1/styles", "mine-1")
    (created,) = parsed(lines, "app.jobs.transitions")
    assert (created["job_id"], created["state"], created["request_id"]) == (job_id, "queued", "mine-1")
    job, delivery = await hand.take()
    assert delivery.request_id == "mine-1", "for the worker's lines"
    assert await services.ledger.fail(job.id, 1, code="job_failed", detail="x")
    states = [(line["state"], line.get("code")) for line in parsed(lines, "app.jobs.transitions")]
    assert states == [("queued", None), ("running", None), ("failed", "job_failed")]
    await delivery.ack()
    await client.get("/livez")
    assert len(parsed(lines, "app.access_log")) == 1, "probes are not logged"
    assert "hunter2" not in lines.getvalue()


async def test_a_transition_that_was_rolled_back_is_not_logged(
    services: Container, lines: io.StringIO
) -> None:
    from app.ids import new_id
    from app.jobs.ledger import NewJob
    from app.jobs.model import JobKind

    job = await services.ledger.create(NewJob(new_id("job"), JobKind.ADAPT, {}))
    assert await services.ledger.begin(job.id, "w")

    async def broken(_: object) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        await services.ledger.succeed(job.id, 1, {}, effects=broken)
    assert [line["state"] for line in parsed(lines, "app.jobs.transitions")] == ["queued", "running"]
