"""``fewstroke demo``: pictures that come along, through a service that is told from here."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


@contextmanager
def service(status: int, body: bytes) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """One that answers everything alike; its address, and what it was asked."""
    asked: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

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
    with service(200, b"picture") as (address, asked):
        result = run("demo", str(folder), "--address", address)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip() == str(folder / "out.png")
    assert (folder / "out.png").read_bytes() == b"picture"
    ((path, sent),) = asked
    assert path == "/v1/stylize"
    assert sent.count(b'name="examples"') == 5
    assert sent.count(b'name="content"; filename="astronaut.jpg"') == 1
    assert (folder / "great-wave.jpg").read_bytes() in sent


def test_the_same_call_is_told_for_curl(run, tmp_path: Path):
    with service(200, b"picture") as (address, _):
        result = run("demo", str(tmp_path), "--address", address)
    line = next(line for line in result.stderr.splitlines() if line.startswith("curl "))
    assert line.count("-F examples=@") == 5
    assert f"{address}/v1/stylize" in line


def test_a_refusal_is_told_in_the_service_s_words(run, tmp_path: Path):
    problem = json.dumps({"detail": "The queue is full.", "code": "queue_full"}).encode()
    with service(429, problem) as (address, _):
        result = run("demo", str(tmp_path), "--address", address)
    assert result.exit_code == 3
    assert "The queue is full. (queue_full)" in result.stderr
    assert not (tmp_path / "out.png").exists()


def test_without_a_service_it_says_how_to_start_one(run, tmp_path: Path):
    result = run("demo", str(tmp_path), "--address", "http://127.0.0.1:9")
    assert result.exit_code == 3
    assert "start it with `fewstroke serve`" in result.stderr
