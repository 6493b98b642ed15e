"""What the clients do when the service is busy, away, or answers oddly; both clients, a scripted service."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable, Iterable
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

import fewstroke_client as fewstroke
from app.infra.db import utcnow

Answer = httpx.Response | Exception
JOB = {
    "id": "job_1", "kind": "adapt", "state": "queued", "attempt": 0, "retry_of": None, "style_id": "sty_1",
    "created_at": "2026-01-01T12:00:00Z", "started_at": None, "finished_at": None,
    "result": None, "error": None, "links": {}, "a_field_of_tomorrow": 1,
}  # fmt: skip
STYLE = {
    "id": "sty_1", "name": None, "description": None, "status": "pending", "job_id": "job_1",
    "base_hash": None, "size_bytes": None, "header": None, "created_at": "2026-01-01T12:00:00Z",
    "expires_at": None, "ready_at": None,
}  # fmt: skip


def problem(status: int, code: str, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
    body = {"status": status, "code": code, "detail": f"What {code} says.", "request_id": "req_1", **more}
    return httpx.Response(status, json=body, headers=headers)


def stream(*lines: str) -> httpx.Response:
    return httpx.Response(200, text="\n".join(lines), headers={"content-type": "text/event-stream"})


def broken(*lines: str) -> httpx.Response:
    """A stream that breaks off after its lines."""

    class Broken(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self):
            yield "\n".join(lines).encode()
            raise httpx.ReadError("connection reset")

        async def __aiter__(self):
            for chunk in ("\n".join(lines).encode(),):
                yield chunk
            raise httpx.ReadError("connection reset")

    return httpx.Response(200, stream=Broken(), headers={"content-type": "text/event-stream"})


class Script:
    """Answers in turn, and what was asked; the last answer stays."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.bodies: list[bytes] = []

    def take(self, request: httpx.Request, body: bytes) -> httpx.Response:
        self.asked.append(request)
        self.bodies.append(body)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def calls(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.asked]


class Transport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    def __init__(self, script: Script) -> None:
        self._script = script

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._script.take(request, request.read())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self._script.take(request, await request.aread())


Run = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest, pauses: list[float]) -> Run:
    """``run(script, name, *arguments, **options)``: one call of one client."""

    def sync(script: Script, name: str, *arguments: Any, **options: Any) -> Any:
        with fewstroke.Client("http://there", "fsk_x", transport=Transport(script)) as client:
            found = getattr(client, name)(*arguments, **options)
            return list(found) if hasattr(found, "__next__") else found

    async def call(script: Script, name: str, *arguments: Any, **options: Any) -> Any:
        async with fewstroke.AsyncClient("http://there", "fsk_x", transport=Transport(script)) as client:
            found = getattr(client, name)(*arguments, **options)
            return await found if isinstance(found, Awaitable) else [item async for item in found]

    def asynchronous(*arguments: Any, **options: Any) -> Any:
        return asyncio.run(call(*arguments, **options))

    return sync if request.param == "sync" else asynchronous


def test_a_busy_service_is_asked_again_when_it_says_so(run: Run, pauses: list[float]):
    script = Script(
        [
            problem(429, "queue_full", {"Retry-After": "7"}),
            problem(503, "service_unavailable"),
            httpx.Response(202, json={"style": STYLE, "job": JOB}),
        ]
    )
    accepted = run(script, "create_style", [b"one", io.BytesIO(b"two")])
    assert accepted.job.id == "job_1"
    assert accepted.style.status == "pending"
    assert pauses[0] == 7
    assert 0.5 <= pauses[1] <= 1.0
    keys = {request.headers["idempotency-key"] for request in script.asked}
    assert len(keys) == 1, "the same request, each time"
    assert all(b"one" in body and b"two" in body for body in script.bodies), "files start over"
    assert script.asked[0].headers["authorization"] == "Bearer fsk_x"


def test_two_calls_have_two_idempotency_keys_and_one_may_be_given(run: Run):
    script = Script([httpx.Response(202, json={"style": STYLE, "job": JOB})])
    for key in (None, None, "mine"):
        run(script, "create_style", [b"one"], idempotency_key=key)
    first, second, third = (request.headers["idempotency-key"] for request in script.asked)
    assert first != second
    assert third == "mine"


def test_a_lost_connection_is_tried_again_and_then_reported(run: Run, pauses: list[float]):
    script = Script([httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), httpx.Response(200, json=JOB)])
    assert run(script, "get_job", "job_1").state == "queued"
    script = Script([httpx.ConnectError("refused")])
    with pytest.raises(fewstroke.ConnectionFailedError, match=r"there.*5 attempts.*refused") as caught:
        run(script, "get_job", "job_1")
    assert isinstance(caught.value.__cause__, httpx.ConnectError)
    assert len(script.asked) == 5
    assert pauses == sorted(pauses[:2]) + sorted(pauses[2:]), "later and later"


def test_a_date_in_retry_after_and_one_that_is_too_far(run: Run, pauses: list[float]):
    date = format_datetime(utcnow(), usegmt=True)
    script = Script(
        [problem(503, "service_unavailable", {"Retry-After": date}), httpx.Response(200, json=JOB)]
    )
    run(script, "get_job", "job_1")
    assert pauses == [0.0]
    script = Script([problem(429, "rate_limited", {"Retry-After": "3600"})])
    with pytest.raises(fewstroke.RateLimitedError) as caught:
        run(script, "get_job", "job_1")
    assert caught.value.retry_after == 3600
    assert len(script.asked) == 1


def test_a_request_that_is_in_flight_is_waited_for(run: Run, pauses: list[float]):
    script = Script(
        [
            httpx.ReadError("reset"),
            problem(409, "idempotency_key_in_use", {"Retry-After": "2"}),
            httpx.Response(202, json={"style": STYLE, "job": JOB}),
        ]
    )
    assert run(script, "create_style", [b"one"]).job.id == "job_1"
    assert pauses[1] == 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, fewstroke.UnauthenticatedError),
        (403, fewstroke.ForbiddenError),
        (404, fewstroke.NotFoundError),
        (409, fewstroke.ConflictError),
        (413, fewstroke.InvalidRequestError),
        (422, fewstroke.InvalidRequestError),
        (500, fewstroke.ServiceError),
    ],
)
def test_a_problem_is_an_exception_with_code_and_sentence(
    run: Run, status: int, kind: type[fewstroke.ApiError]
):
    errors = [{"field": "steps", "detail": "too many"}]
    script = Script([problem(status, "some_code", errors=errors)])
    with pytest.raises(kind) as caught:
        run(script, "get_style", "sty_1")
    error = caught.value
    assert (error.status, error.code, str(error)) == (status, "some_code", "What some_code says.")
    assert (error.request_id, error.errors) == ("req_1", errors)
    assert len(script.asked) == 1, "it is final"


def test_a_proxy_page_is_an_error_too(run: Run):
    with pytest.raises(fewstroke.ServiceError, match="HTTP status 500 from http://there"):
        run(Script([httpx.Response(500, text="<html>oh</html>")]), "get_style", "sty_1")
    with pytest.raises(fewstroke.UnexpectedAnswerError, match="no JSON"):
        run(Script([httpx.Response(200, text="<html>welcome</html>")]), "get_style", "sty_1")
    with pytest.raises(fewstroke.UnexpectedAnswerError, match=r"lacks Style\.id"):
        run(Script([httpx.Response(200, json={})]), "get_style", "sty_1")


def test_a_deletion_whose_answer_was_lost_is_done(run: Run):
    script = Script([httpx.ReadError("reset"), problem(404, "style_not_found")])
    run(script, "delete_style", "sty_1")
    with pytest.raises(fewstroke.NotFoundError):
        run(Script([problem(404, "style_not_found")]), "delete_style", "sty_1")


def test_a_cancel_whose_answer_was_lost_is_done(run: Run):
    refused = problem(409, "job_not_cancelable")
    canceled = httpx.Response(200, json={**JOB, "state": "canceled"})
    assert run(Script([httpx.ReadError("reset"), refused, canceled]), "cancel_job", "job_1").over
    with pytest.raises(fewstroke.ConflictError):
        run(Script([refused, httpx.Response(200, json={**JOB, "state": "succeeded"})]), "cancel_job", "job_1")


def test_lists_go_through_all_pages(run: Run):
    pages = [{"items": [STYLE], "next": "sty_1"}, {"items": [{**STYLE, "id": "sty_0"}], "next": None}]
    script = Script([httpx.Response(200, json=page) for page in pages])
    assert [style.id for style in run(script, "list_styles", status=["ready", "failed"])] == [
        "sty_1",
        "sty_0",
    ]
    assert script.asked[0].url.params.get_list("status") == ["ready", "failed"]
    assert "after" not in script.asked[0].url.params
    assert script.asked[1].url.params["after"] == "sty_1"


RUNNING = ["id: 1", "event: state", 'data: {"state": "running"}', ""]
STEP = [
    "id: 2",
    "event: progress",
    'data: {"step": 0, "steps": 9, "losses": {"style": 1}, "phase": "adapt"}',
    "",
]
TEXT = ["id: 2", "event: text", 'data: {"position": 0, "begin": 4, "text": " sun"}', ""]
OVER = ["id: 3", "event: state", 'data: {"state": "succeeded"}', "", ""]


def test_events_go_on_where_the_connection_broke(run: Run):
    script = Script(
        [
            broken(*RUNNING, ": a comment", "", *STEP, "id: 3", "event: state", "data: {"),
            httpx.ConnectError("refused"),
            problem(503, "service_unavailable"),
            stream(*OVER),
        ]
    )
    events = run(script, "events", "job_1")
    assert events == [
        fewstroke.StateEvent("running", id="1"),
        fewstroke.ProgressEvent(0, 9, {"style": 1.0}, "adapt", id="2"),
        fewstroke.StateEvent("succeeded", id="3"),
    ]
    resumed = [request.headers.get("last-event-id") for request in script.asked]
    assert resumed == [None, "2", "2", "2"], "after the last event that came whole"


def test_a_text_comes_as_it_is_written(run: Run):
    script = Script([stream(*RUNNING, *TEXT, *OVER)])
    events = run(script, "events", "job_1")
    assert events[1] == fewstroke.TextEvent(0, 4, " sun", id="2")


STORY = {
    "id": "sto_1",
    "style_id": "sty_1",
    "styles": [{"id": "sty_1", "weight": 1.0}],
    "settings": {"length": 40},
    "created_at": "2026-01-01T00:00:00Z",
    "expires_at": None,
    "job": {**JOB, "state": "succeeded"},
    "items": [
        {
            "position": 0,
            "files": [],
            "about": {
                "title": "The Gate",
                "opening": "",
                "text": "The Gate\n\nIt was shut.",
                "words": 3,
                "ended": True,
                "seed": 0,
                "originality": {
                    "examples": {"longest": 4, "share": 0.1, "own": 0, "place": 7},
                    "training": {"longest": 0, "share": 0.0},
                    "nearest": "it was shut",
                },
            },
        }
    ],
}


def test_stories_are_asked_for_waited_for_and_understood(run: Run):
    script = Script(
        [
            httpx.Response(202, json={"story": STORY, "job": JOB}),
            stream(*RUNNING, *TEXT, *OVER),
            httpx.Response(200, json={**JOB, "state": "succeeded"}),
            httpx.Response(200, json=STORY),
        ]
    )
    made = run(script, "write_stories", "sty_1", title="The Gate", length=40)
    assert made.items[0].about.originality.examples.longest == 4
    assert made.items[0].about.text.endswith("It was shut.")
    assert script.calls[0] == "POST /v1/stories"
    assert script.calls[-1] == "GET /v1/stories/sto_1"


def test_after_the_last_event_the_state_is_asked_for(run: Run, pauses: list[float]):
    """204: whoever names the last event has seen it."""
    script = Script(
        [
            broken(*RUNNING, *OVER[:-2]),
            httpx.Response(204),
            httpx.Response(200, json={**JOB, "state": "succeeded"}),
        ]
    )
    assert [event.state for event in run(script, "events", "job_1")] == ["running", "succeeded"]
    assert script.calls == ["GET /v1/jobs/job_1/events"] * 2 + ["GET /v1/jobs/job_1"]


def test_an_unknown_event_is_no_error(run: Run):
    script = Script([stream("event: confetti", "data: {}", "", *OVER)])
    assert [event.over for event in run(script, "events", "job_1")] == [True]


def test_where_no_stream_holds_the_job_is_polled(run: Run, pauses: list[float]):
    states = ["queued", "queued", "running", "succeeded", "succeeded"]
    polled = [httpx.Response(200, json={**JOB, "state": state}) for state in states]
    script = Script([stream(), httpx.ReadTimeout("silence"), stream(": nothing", ""), *polled])
    seen: list[Any] = []
    done = run(script, "wait", "job_1", on_event=seen.append)
    assert done.state == "succeeded"
    assert [event.state for event in seen] == ["queued", "running", "succeeded"]
    assert script.calls == ["GET /v1/jobs/job_1/events"] * 3 + ["GET /v1/jobs/job_1"] * 5


def test_a_stream_of_what_is_not_there_is_refused_at_once(run: Run):
    script = Script([problem(404, "job_not_found")])
    with pytest.raises(fewstroke.NotFoundError):
        run(script, "wait", "job_1")
    assert len(script.asked) == 1


def test_waiting_ends_in_time_and_the_job_goes_on(run: Run, pauses: list[float]):
    script = Script([stream(), stream(), stream(), httpx.Response(200, json={**JOB, "state": "running"})])
    with pytest.raises(fewstroke.WaitTimeoutError, match="after 20 s"):
        run(script, "wait", "job_1", timeout=20)
    assert sum(pauses) == pytest.approx(20)


def test_a_failed_job_is_an_error_unless_one_asks_for_it(run: Run):
    error = {"code": "out_of_memory", "detail": "Send smaller pictures."}
    failed = httpx.Response(200, json={**JOB, "state": "failed", "error": error})
    over = stream("event: state", 'data: {"state": "failed"}', "", "")
    with pytest.raises(fewstroke.JobFailedError, match="Send smaller pictures") as caught:
        run(Script([over, failed]), "wait", "job_1")
    assert (caught.value.code, caught.value.job.id) == ("out_of_memory", "job_1")
    assert run(Script([over, failed]), "wait", "job_1", check=False).state == "failed"


def test_what_is_no_file_is_refused_before_anything_is_sent(run: Run):
    script = Script([httpx.Response(500)])
    with pytest.raises(TypeError, match="not int"):
        run(script, "create_style", [7])
    with pytest.raises(FileNotFoundError):
        run(script, "create_style", ["there-is-no-such.jpg"])
    with pytest.raises(TypeError, match="either examples or a style"):
        run(script, "stylize_photo", b"photo")
    assert script.asked == []


def test_address_and_key_come_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FEWSTROKE_URL", "https://example.com/under/a/prefix")
    monkeypatch.setenv("FEWSTROKE_KEY", "fsk_environment\n")  # as files of secrets end
    script = Script([httpx.Response(200, json=JOB)])
    with fewstroke.Client(transport=Transport(script)) as client:
        client.get_job("job_1")
    assert str(script.asked[0].url) == "https://example.com/under/a/prefix/v1/jobs/job_1"
    assert script.asked[0].headers["authorization"] == "Bearer fsk_environment"
