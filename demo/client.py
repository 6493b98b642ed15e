"""What the demo says to the service over HTTP."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from demo.errors import DemoError

Json = dict[str, Any]
OnEvent = Callable[[str, Json], None]

JOB_WITHIN = 480.0  # s for one job, on a slow machine under load
NOUNS = {"compositions": "composition", "poems": "poem"}
"""The field of an answer that holds what was asked for, by resource."""


@dataclass(frozen=True)
class Pending:
    """A job that was accepted, and the id of what it makes."""

    id: str
    job_id: str


class Client:
    """A few calls of the API. Raises DemoError with the service's own words."""

    def __init__(self, url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        timeout = httpx.Timeout(30.0, read=60.0)
        self._http = httpx.Client(base_url=url, timeout=timeout, trust_env=False, transport=transport)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def create_style(
        self, examples: Sequence[Path], contents: Sequence[Path], *, name: str, steps: int | None = None
    ) -> Pending:
        """``POST /v1/styles``; ``steps`` None: the service's default, 0: the zero-step style."""
        fields = {"name": name} if steps is None else {"name": name, "steps": str(steps)}
        answer = self._post("/v1/styles", fields, [("examples", examples), ("contents", contents)])
        return Pending(answer["style"]["id"], answer["job"]["id"])

    def stylize(self, photos: Sequence[Path], style_id: str, **options: float) -> Pending:
        """``POST /v1/stylizations``; options: ``strength``, ``abstraction``, ``stroke_size`` and the like."""
        fields = {"style_id": style_id, **{name: str(value) for name, value in options.items()}}
        answer = self._post("/v1/stylizations", fields, [("contents", photos)])
        return Pending(answer["stylization"]["id"], answer["job"]["id"])

    def generate(self, resource: str, style_id: str, **options: str | float) -> Pending:
        """``POST /v1/{resource}``; the resource, such as "compositions", is one of ``NOUNS``."""
        fields = {"style_id": style_id, **{name: str(value) for name, value in options.items()}}
        answer = self._post(f"/v1/{resource}", fields, [])
        return Pending(answer[NOUNS[resource]]["id"], answer["job"]["id"])

    def generated(self, resource: str, generation_id: str) -> Json:
        """``GET /v1/{resource}/{id}``: what was asked for, and the results."""
        found: Json = self._get(f"/v1/{resource}/{generation_id}").json()
        return found

    def wait(self, job_id: str, on_event: OnEvent) -> Json:
        """Follow a job's events until it has ended; returns its result. Reconnects where it was cut off."""
        deadline = time.monotonic() + JOB_WITHIN
        last_id = ""
        while time.monotonic() < deadline:
            try:
                for event_id, event, data in self._events(job_id, last_id):
                    last_id = event_id
                    on_event(event, data)
                    if time.monotonic() > deadline:
                        break
            except httpx.TransportError:
                time.sleep(0.5)
            job = self._get(f"/v1/jobs/{job_id}").json()
            if job["state"] == "succeeded":
                result: Json = job["result"]
                return result
            if job["state"] in ("failed", "canceled", "expired"):
                reason = (job["error"] or {}).get("detail", "no reason was given")
                raise DemoError(f"job {job_id} ended as {job['state']}: {reason}")
        raise DemoError(f"job {job_id} did not end within {JOB_WITHIN:.0f} s")

    def content(self, url: str) -> bytes:
        """The bytes of a result."""
        return self._get(url).content

    def _events(self, job_id: str, last_id: str) -> Iterator[tuple[str, str, Json]]:
        headers = {"Last-Event-ID": last_id} if last_id else {}
        with self._http.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as response:
            _check(response)
            event, data = "message", ""
            for line in response.iter_lines():
                field, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if field == "id":
                    last_id = value
                elif field == "event":
                    event = value
                elif field == "data":
                    data += value
                elif not line and data:
                    yield last_id, event, json.loads(data)
                    event, data = "message", ""

    def _post(self, path: str, fields: dict[str, str], files: list[tuple[str, Sequence[Path]]]) -> Json:
        parts = [(field, (p.name, p.read_bytes())) for field, paths in files for p in paths]
        response = self._http.post(path, data=fields, files=parts)
        _check(response)
        answer: Json = response.json()
        return answer

    def _get(self, path: str) -> httpx.Response:
        response = self._http.get(path)
        _check(response)
        return response


def _check(response: httpx.Response) -> None:
    if response.is_success:
        return
    response.read()
    try:
        said = response.json()["detail"]
    except (ValueError, KeyError):
        said = response.text[:300]
    raise DemoError(f"{response.request.url.path} answered {response.status_code}: {said}")
