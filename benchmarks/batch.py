"""``python -m benchmarks.batch``: how long photos take beside a batch of photos, on one worker.

Starts a service with the real model and asks for photos of 512 px in one of the presets, with pauses, alone
and while a batch of ``--photos`` photos is drawn, by turns. Exit status 1 when the 95th percentile beside the
batch is more than a fifth above the one alone. Results: ``benchmarks/results/batch.json``.
"""

from __future__ import annotations

import io
import json
import random
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from benchmarks.errors import BenchmarkError
from benchmarks.machine import library_versions, machine_info
from benchmarks.preemption import photo_seconds, summary
from demo.service import running_service

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "batch.json"
LIMIT = 1.2  # times the 95th percentile without a batch
_ROUNDS = 4  # of both by turns: what else the machine does is alike for both
_PAUSES = (0.5, 2.5)  # s between two photos; the batch goes on meanwhile


def zip_of(photos: list[bytes], count: int) -> bytes:
    """An archive of ``count`` photos, the given ones over and over."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(count):
            archive.writestr(f"{number:05}.jpg", photos[number % len(photos)])
    return buffer.getvalue()


def send(client: httpx.Client, style: str, photos: bytes) -> dict[str, Any]:
    """Submit a batch; it is being drawn when this returns."""
    answer = client.post(
        "/v1/batches", data={"style_id": style}, files={"photos": ("photos.zip", photos)}
    ).raise_for_status()
    batch: dict[str, Any] = answer.json()["batch"]
    while not made(client, batch):
        time.sleep(0.2)
    return batch


def made(client: httpx.Client, batch: dict[str, Any]) -> int:
    """How many of its pictures are done."""
    found = client.get(f"/v1/batches/{batch['id']}").raise_for_status().json()
    if found["job"]["state"] not in ("queued", "running", "succeeded"):
        raise BenchmarkError(f"the batch is {found['job']['state']}: {found['job']['error']}")
    return int(found["counts"]["succeeded"])


def stop(client: httpx.Client, batch: dict[str, Any]) -> None:
    """Cancel it, and wait until its process is gone."""
    client.post(batch["job"]["links"]["cancel"])
    while client.get(batch["job"]["links"]["self"]).json()["state"] not in ("canceled", "succeeded"):
        time.sleep(0.1)
    time.sleep(1.0)


def ask(client: httpx.Client, style: str, photo: bytes, requests: int, chance: random.Random) -> list[float]:
    """Seconds of each request, with pauses between them."""
    seconds = []
    for _ in range(requests):
        time.sleep(chance.uniform(*_PAUSES))
        seconds.append(photo_seconds(client, style, photo))
    return seconds


def table(found: dict[str, Any]) -> str:
    """What was found, for people."""
    lines = [f"{'':24}{'photos':>8}{'p50, s':>9}{'p95, s':>9}{'max, s':>9}"]
    for name in ("alone", "beside_a_batch"):
        row = found[name]
        lines.append(f"{name:24}{row['photos']:>8}{row['p50']:>9}{row['p95']:>9}{row['max']:>9}")
    lines.append(f"p95 beside a batch: {found['p95_ratio']} times that alone; at most {LIMIT} is asked for")
    lines.append(f"pictures of the batch: {found['batch_pictures_a_minute']} a minute beside these requests")
    return "\n".join(lines)


def measure(
    photos: Annotated[int, typer.Option(help="Photos of the batch.")] = 200,
    requests: Annotated[int, typer.Option(help="Photos that are waited for, alone and beside it.")] = 60,
) -> None:
    """Measure, print and store; exit with status 1 above the limit."""
    pictures = ROOT / "app/studio/pictures"
    photo = (pictures / "photos/cat.jpg").read_bytes()
    archive = zip_of([path.read_bytes() for path in sorted((pictures / "photos").glob("*.jpg"))], photos)
    chance = random.Random(0)
    alone: list[float] = []
    beside: list[float] = []
    drawn, during = 0, 0.0
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service(Path(folder) / "log") as url,
        httpx.Client(base_url=url, timeout=600.0, trust_env=False) as client,
    ):
        presets = client.get("/v1/styles", params={"preset": True, "status": "ready"}).json()["items"]
        if len(presets) < 2:
            raise BenchmarkError("there are no presets for this checkpoint: run `python -m scripts.presets`")
        style, other = presets[0]["id"], presets[1]["id"]
        photo_seconds(client, style, photo)
        for _ in range(_ROUNDS):
            alone += ask(client, style, photo, requests // _ROUNDS, chance)
            batch = send(client, other, archive)
            before, started = made(client, batch), time.perf_counter()
            beside += ask(client, style, photo, requests // _ROUNDS, chance)
            now = made(client, batch)
            if now == photos:
                raise BenchmarkError("the batch was done before the requests were: give it more --photos")
            drawn, during = drawn + now - before, during + time.perf_counter() - started
            stop(client, batch)
    found: dict[str, Any] = {
        "machine": machine_info(),
        "libraries": library_versions(),
        "photos": photos,
        "alone": summary(alone),
        "beside_a_batch": summary(beside),
        "batch_pictures_a_minute": round(60 * drawn / during, 1),
    }
    found["p95_ratio"] = round(found["beside_a_batch"]["p95"] / found["alone"]["p95"], 2)
    typer.echo(table(found))
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    if found["p95_ratio"] > LIMIT:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(measure)
