"""``fewstroke demo``: pictures that come along, through a service that is told from here."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

JOB = {"id": "job_1", "state": "queued", "error": None, "result": None}
DONE = JOB | {"state": "succeeded", "result": {"images": [{"url": "/v1/images/img_1/content"}]}}
ANSWERS: dict[str, list[tuple[int, bytes]]] = {
    "/v1/stylize": [(202, json.dumps({"job": JOB}).encode())],
    "/v1/jobs/job_1": [(200, json.dumps(job).encode()) for job in (JOB | {"state": "running"}, DONE)],
    "/v1/images/img_1/content": [(200, b"picture")],
}


@contextmanager
def service(**other: list[tuple[int, bytes]]) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """One that gives these answers, each once and the last for ever; its address, and what it was asked."""
    asked: list[tuple[str, bytes]] = []
    answers = {path: list(given) for path, given in (ANSWERS | other).items()}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append((self.path, self.rfile.read(int(self.headers.get("Content-Length", 0)))))
            given = answers[self.path]
            status, body = given.pop(0) if len(given) > 1 else given[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def test_five_prints_and_a_photo_go_out_and_the_picture_is_kept(run, tmp_path: Path):
    folder = tmp_path / "my demo"
    with service() as (address, asked):
        result = run("demo", str(folder), "--address", address)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip() == str(folder / "out.png")
    assert (folder / "out.png").read_bytes() == b"picture"
    (path, sent), *_ = asked
    assert path == "/v1/stylize"
    assert sent.count(b'name="examples"') == 5
    assert sent.count(b'name="content"; filename="astronaut.jpg"') == 1
    assert (folder / "great-wave.jpg").read_bytes() in sent


def test_the_same_call_is_told_for_curl(run, tmp_path: Path):
    with service() as (address, _):
        result = run("demo", str(tmp_path), "--address", address)
    line = next(line for line in result.stderr.splitlines() if line.startswith("curl "))
    assert line.count("-F examples=@") == 5
    assert f"{address}/v1/stylize" in line


@pytest.mark.parametrize(
    ("path", "answer", "said"),
    [
        ("/v1/stylize", (429, {"detail": "The queue is full.", "code": "queue_full"}), "The queue is full."),
        (
            "/v1/jobs/job_1",
            (200, JOB | {"state": "failed", "error": {"detail": "Out of memory."}}),
            "Out of memory.",
        ),
        ("/v1/jobs/job_1", (200, JOB | {"state": "canceled"}), "job_1 is canceled"),
    ],
)
def test_what_goes_wrong_is_told(
    run, tmp_path: Path, path: str, answer: tuple[int, dict[str, Any]], said: str
):
    status, body = answer
    with service(**{path: [(status, json.dumps(body).encode())]}) as (address, _):
        result = run("demo", str(tmp_path), "--address", address)
    assert result.exit_code == 3
    assert said in result.stderr
    assert not (tmp_path / "out.png").exists()


def test_without_a_service_it_says_how_to_start_one(run, tmp_path: Path):
    result = run("demo", str(tmp_path), "--address", "http://127.0.0.1:9")
    assert result.exit_code == 3
    assert "start it with `fewstroke serve`" in result.stderr
