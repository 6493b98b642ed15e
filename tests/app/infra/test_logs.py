"""Log lines: one object each, about something, and without secrets."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from app.api.services import Container
from app.auth.principal import Scope
from app.auth.repository import create_key
from app.ids import new_id
from app.infra.logs import ConsoleFormatter, JsonFormatter, NotAgain, log_context, reason
from app.jobs.job import Job, JobKind
from app.jobs.ledger import Ledger, NewJob
from app.redaction import redact
from tests.support.fake_worker import FakeWorker
from tests.support.pictures import files, png


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


async def test_a_path_forges_no_line_and_commands_no_terminal(client: httpx.AsyncClient) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(ConsoleFormatter())
    logger = logging.getLogger("app.access_log")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        await client.get("/x%0A2026-01-01%20ERROR%20forged%1b[31m%c2%9b")
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    (line,) = stream.getvalue().splitlines()
    assert "GET /x%0A2026-01-01%20ERROR%20forged%1B%5B31m%C2%9B 404" in line


async def test_a_long_path_makes_no_long_line(client: httpx.AsyncClient, lines: io.StringIO) -> None:
    await client.get(f"/{'x' * 60_000}")
    (line,) = parsed(lines, "app.access_log")
    assert len(json.dumps(line)) < 2000
    assert "xxx" in str(line["path"])


def test_lines_for_people_command_no_terminal() -> None:
    record = logging.makeLogRecord({"msg": "a\x1b[31mb\r\x9bc\n\td", "levelname": "INFO", "name": "x"})
    assert ConsoleFormatter().format(record).endswith("x: a\\x1b[31mb\\x0d\\x9bc\n\td")


async def test_a_request_and_its_job_can_be_followed(
    client: httpx.AsyncClient, services: Container, fake_worker: FakeWorker, lines: io.StringIO
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
    (created,) = parsed(lines, "app.jobs.hooks")
    assert (created["job_id"], created["state"], created["request_id"]) == (job_id, "queued", "mine-1")
    job, delivery = await fake_worker.take()
    assert job.origin["request_id"] == "mine-1", "for the worker's lines"
    assert await services.ledger.fail(job.id, 1, code="job_failed", detail="x")
    transitions = parsed(lines, "app.jobs.hooks")
    states = [(line["state"], line.get("code")) for line in transitions]
    assert states == [("queued", None), ("running", None), ("failed", "job_failed")]
    assert {line["request_id"] for line in transitions} == {"mine-1"}, "whoever makes the transition"
    await delivery.ack()
    await client.get("/livez")
    assert (await client.get("/readyz")).status_code == 503
    assert len(parsed(lines, "app.access_log")) == 1, "probes are not logged"
    assert "hunter2" not in lines.getvalue()


async def test_a_line_of_a_request_says_who_asked_and_what_was_wrong(
    client: httpx.AsyncClient, services: Container, lines: io.StringIO
) -> None:
    _, key = await create_key(services.sessions, owner="ada", name="x", scopes=[Scope.READ])
    headers = {"Authorization": f"Bearer {key}"}
    assert (await client.get("/v1/jobs", headers=headers)).status_code == 200
    assert (await client.get("/v1/jobs/job_x", headers=headers)).status_code == 404
    assert (await client.get("/v1/jobs?limit=x", headers=headers)).status_code == 422
    assert (await client.get("/v1/jobs", headers={"Authorization": "Bearer x"})).status_code == 401
    found = parsed(lines, "app.access_log")
    assert [line.get("code") for line in found] == [
        None,
        "job_not_found",
        "validation_failed",
        "unauthenticated",
    ]
    assert [line.get("owner") for line in found] == ["ada", "ada", "ada", None]
    assert str(found[0]["key_id"]).startswith("key_")
    assert key not in lines.getvalue()


async def test_a_job_keeps_the_request_that_made_it_though_another_ones_ticket_draws_it(
    ledger: Ledger, lines: io.StringIO
) -> None:
    async def submit(owner: str) -> Job:
        with log_context(request_id=f"of-{owner}"):
            return await ledger.create(NewJob(new_id("job"), JobKind.ADAPT, {}, owner=owner))

    first = await submit("ada")
    assert (await ledger.draw(first.ticket, "w")).job_id == first.id  # it is others' turn now
    second, third = await submit("ada"), await submit("bob")
    draw = await ledger.draw(second.ticket, "w")
    assert draw.job is not None
    assert draw.job.id == third.id
    assert draw.job.origin == {"request_id": "of-bob"}
    line = parsed(lines, "app.jobs.hooks")[-1]
    assert line["state"] == "running"
    assert (line["job_id"], line["request_id"], line["owner"]) == (third.id, "of-bob", "bob")


async def test_readiness_is_told_when_it_changes(
    client: httpx.AsyncClient, services: Container, lines: io.StringIO
) -> None:
    for _ in range(3):
        assert (await client.get("/readyz")).status_code == 503
    await services.broker.beat("w1", {})
    for _ in range(3):
        assert (await client.get("/readyz")).status_code == 200
    await services.broker.forget("w1")
    assert (await client.get("/readyz")).status_code == 503
    first, second, third = parsed(lines, "app.api.readiness")
    assert (first["level"], first["missing"]) == ("info", ["worker"]), "it has only just started"
    assert (second["level"], second["message"]) == ("info", "ready")
    assert (third["level"], third["missing"]) == ("warning", ["worker"])
    assert "start `fewstroke worker`" in str(third["message"])


def test_the_same_warning_is_said_once_a_minute() -> None:
    seconds = iter(range(0, 100, 10))
    filtered = NotAgain(lambda: next(seconds))

    def said(level: int) -> list[str]:
        records = [
            logging.makeLogRecord({"levelno": level, "msg": "%s", "args": ("away",)}) for _ in range(10)
        ]
        return [record.getMessage() for record in records if filtered.filter(record)]

    assert said(logging.WARNING) == ["away", "away (5 times more in the meantime)"]
    assert said(logging.INFO) == said(logging.ERROR) == ["away"] * 10


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ValueError("one\ntwo"), "one"),
        (TimeoutError(), "TimeoutError"),
        (OperationalError("SELECT secret", {"a": "b"}, Exception("it is locked")), "it is locked"),
    ],
)
def test_a_reason_is_one_line(error: Exception, says: str) -> None:
    assert reason(error) == says


async def test_a_transition_that_was_rolled_back_is_not_logged(
    services: Container, lines: io.StringIO
) -> None:
    job = await services.ledger.create(NewJob(new_id("job"), JobKind.ADAPT, {}))
    assert await services.ledger.begin(job.id, "w")

    async def broken(_: object) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        await services.ledger.succeed(job.id, 1, {}, effects=broken)
    assert [line["state"] for line in parsed(lines, "app.jobs.hooks")] == ["queued", "running"]
