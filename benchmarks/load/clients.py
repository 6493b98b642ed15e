"""The clients, a locustfile: each keeps two jobs going and looks after them in its own way.

They behave as clients should: a refused submission (429) is not repeated before ``Retry-After`` has passed.
What counts as an error is any other status outside of 2xx, a job that does not succeed, and an event stream
that ends without a terminal state. ``LOAD_PLAN`` names a file with a key and a style of each owner.
"""

import json
import os
import time
from collections import Counter, deque
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any

from locust import FastHttpUser, between, events, task
from urllib3 import encode_multipart_formdata

from benchmarks.load.pictures import photo

_PLAN = json.loads(Path(os.environ["LOAD_PLAN"]).read_text())
_OWNERS = cycle(_PLAN["owners"])
_STATUSES: Counter[str] = Counter()  # "name status" -> how often
_ENDED: Counter[str] = Counter()  # states in which jobs ended

_JOBS_EACH = 2
_PATIENCE = 240.0  # s for a stream; the queue may be long
_OVER = ("succeeded", "failed", "canceled", "expired")


def _form(files: list[tuple[str, bytes]], fields: list[tuple[str, str]]) -> tuple[bytes, str]:
    """Body and content type, made once for all clients."""
    parts: list[Any] = [(name, (f"{number}.jpg", data)) for number, (name, data) in enumerate(files)]
    return encode_multipart_formdata([*parts, *fields])


_EXAMPLES = [("examples", photo(512, seed)) for seed in range(4)]
_CONTENT = photo(_PLAN["side"], 9)
_STYLE = _form(_EXAMPLES[:2], [("steps", str(_PLAN["steps"]))])
_STYLE_LARGE = _form([*_EXAMPLES, *_EXAMPLES], [("steps", str(_PLAN["steps"]))])


@events.request.add_listener
def _count(name: str, response: Any, **_: Any) -> None:
    _STATUSES[f"{name} {response.status_code if response is not None else 0}"] += 1


@events.quitting.add_listener
def _save(**_: Any) -> None:
    counts = {"statuses": _STATUSES, "ended": _ENDED}
    Path(os.environ["LOAD_COUNTS"]).write_text(json.dumps(counts))


class _Client(FastHttpUser):  # one connection pool each, as separate programs have
    abstract = True
    wait_time = between(0.5, 1.5)
    network_timeout = _PATIENCE

    def on_start(self) -> None:
        owner = next(_OWNERS)
        self.headers = {"Authorization": f"Bearer {owner['key']}"}
        self.rng = Random(owner["style_id"])
        self.jobs: deque[str] = deque()
        self.not_before = 0.0
        content = [("contents", _CONTENT)]
        self.one = _form(content, [("style_id", owner["style_id"])])
        self.many = _form(content * 4, [("style_id", owner["style_id"]), ("size", "256")])

    def call(self, method: str, path: str, name: str, **more: Any) -> Any:
        """The decoded answer; None when there is none (429: wait; anything else was counted as an error)."""
        headers = {**self.headers, **more.pop("headers", {})}
        with self.client.request(
            method, path, name=name, headers=headers, catch_response=True, **more
        ) as answer:
            if answer.status_code == 429:
                self.not_before = time.monotonic() + float(answer.headers["retry-after"])
                answer.success()
                return None
            if not 200 <= answer.status_code < 300:
                answer.failure(f"{answer.status_code} {answer.text}")
                return None
            answer.success()
            if "json" in (answer.headers.get("content-type") or ""):
                return answer.json()
            return answer.content

    def submit(self, *, large: bool = False) -> None:
        """A new style (one of four) or a stylization, unless told to wait."""
        if time.monotonic() < self.not_before:
            return
        if self.rng.random() < 0.25:
            path, (body, kind) = "/v1/styles", _STYLE_LARGE if large else _STYLE
        else:
            path, (body, kind) = "/v1/stylizations", self.many if large else self.one
        made = self.call("POST", path, f"POST {path}", data=body, headers={"Content-Type": kind})
        if made is not None:
            self.jobs.append(made["job"]["id"])

    def look(self, job_id: str) -> bool:
        """Poll a job; whether it is over. Then its first result is fetched."""
        job = self.call("GET", f"/v1/jobs/{job_id}", "GET job")
        if job is None or job["state"] not in _OVER:
            return False
        _ENDED[job["state"]] += 1
        if job["result"] and job["result"]["images"]:
            self.call("GET", job["result"]["images"][0]["url"], "GET image")
        return True


class PollingClient(_Client):
    """Asks for the state of a job every second."""

    weight = 6

    @task
    def turn(self) -> None:
        if len(self.jobs) < _JOBS_EACH:
            self.submit()
        if self.jobs:
            job_id = self.jobs.popleft()
            if not self.look(job_id):
                self.jobs.append(job_id)


class FollowingClient(_Client):
    """Reads the events of a job to their end."""

    weight = 3

    @task
    def turn(self) -> None:
        if not self.jobs:
            self.submit()
        if self.jobs:
            self._follow(self.jobs[0])
            if self.look(self.jobs[0]):
                self.jobs.popleft()

    def _follow(self, job_id: str) -> None:
        path, last = f"/v1/jobs/{job_id}/events", ""
        with self.client.get(
            path, name="GET events", headers=self.headers, stream=True, catch_response=True
        ) as answer:
            if answer.status_code == 429:
                answer.success()
                return
            if answer.status_code != 200:
                answer.failure(f"{answer.status_code}")
                return
            while line := answer.stream.readline(b"\n"):
                if line.startswith(b"data:"):
                    last = line.decode()
            ended = any(f'"{state}"' in last for state in _OVER)
            if ended:
                answer.success()
            else:
                answer.failure(f"the stream ended with {last[:100]!r}")


class UploadingClient(_Client):
    """Sends eight examples or four photos at once, and looks through what it has."""

    weight = 1

    @task(3)
    def turn(self) -> None:
        if len(self.jobs) < _JOBS_EACH:
            self.submit(large=True)
        for job_id in list(self.jobs):
            if self.look(job_id):
                self.jobs.remove(job_id)

    @task(1)
    def browse(self) -> None:
        self.call("GET", "/v1/jobs?limit=20", "GET jobs")
        self.call("GET", "/v1/styles?limit=20", "GET styles")
