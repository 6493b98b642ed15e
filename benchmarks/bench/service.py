"""The whole service: start, memory, stylizations a second through HTTP, and what is not the network's."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psutil

from benchmarks.bench.pictures import photo
from benchmarks.errors import BenchmarkError
from benchmarks.processes import MIB, Usage, processor_seconds, sample
from demo.service import running_service

_SIDE = 512
_WITHIN = 120.0  # s for one picture, at most


@dataclass(frozen=True)
class Load:
    """``requests`` stylizations of 512 px JPEGs from ``clients`` clients: upload to downloaded picture."""

    clients: int
    requests: int


def measure(
    loads: Sequence[Load], network_seconds: float, *, tell: Callable[[str], None]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A row for each load; and start and memory.

    ``network_seconds``: of one 512 px rendering in an idle process, measured in the same run. What a request
    takes beyond it is overhead: HTTP, decoding, queue, ledger, encoding, and the clients themselves.
    """
    usages: dict[int, Usage] = {}
    rows: list[dict[str, Any]] = []
    tell("service: start")
    began = time.perf_counter()
    with (
        tempfile.TemporaryDirectory(prefix="fewstroke-bench-") as folder,
        running_service(Path(folder, "serve.log"), FEWSTROKE_REQUESTS_PER_MINUTE="0") as url,
    ):
        ready = time.perf_counter() - began
        sample(usages)
        with httpx.Client(base_url=url, timeout=_WITHIN, trust_env=False) as client:
            style = _style(client)
            _stylize(client, style, _jpeg(0))  # the first is slower
        for load in loads:
            tell(f"service: {load.clients} clients")
            rows.append(_run(url, style, load, network_seconds, usages))
    memory = {
        usage.kind: {
            "idle_mib": round(usage.idle / MIB, 1),
            "most_mib": round(usage.high_water / MIB, 1),
        }
        for usage in sorted(usages.values(), key=lambda usage: usage.high_water)
    }
    return rows, {"ready_seconds": round(ready, 2), "memory": memory}


def _run(
    url: str, style: str, load: Load, network_seconds: float, usages: dict[int, Usage]
) -> dict[str, Any]:
    pictures = [_jpeg(seed) for seed in range(4)]

    def one(number: int, client: httpx.Client) -> tuple[float, float]:
        began = time.perf_counter()
        worked = _stylize(client, style, pictures[number % len(pictures)])
        return time.perf_counter() - began, worked

    def work(first: int) -> list[tuple[float, float]]:
        with httpx.Client(base_url=url, timeout=_WITHIN, trust_env=False) as client:
            return [one(n, client) for n in range(first, load.requests, load.clients)]

    psutil.cpu_percent()
    began, spent = time.perf_counter(), processor_seconds()
    with ThreadPoolExecutor(load.clients) as pool:
        done = [each for part in pool.map(work, range(load.clients)) for each in part]
    took = time.perf_counter() - began
    busy = psutil.cpu_percent()
    now_spent = processor_seconds()
    sample(usages)
    latencies = sorted(latency for latency, _ in done)
    return {
        "clients": load.clients,
        "requests": len(done),
        "requests_a_second": len(done) / took,
        "median_seconds": median(latencies),
        "p95_seconds": latencies[int(0.95 * (len(latencies) - 1))],
        "worker_seconds": median(worked for _, worked in done),
        "cores_busy": busy / 100,
        "processor_seconds": {
            kind: (total - spent.get(kind, 0.0)) / len(done) for kind, total in now_spent.items()
        },
        "overhead_share": 1 - len(done) * network_seconds / took,
        "outside_worker_share": 1 - sum(worked for _, worked in done) / took,
    }


def _jpeg(seed: int) -> bytes:
    buffer = BytesIO()
    photo(_SIDE, seed).save(buffer, format="JPEG", quality=90)
    return buffer.getvalue()


def _style(client: httpx.Client) -> str:
    files = [("examples", (f"{seed}.jpg", _jpeg(50 + seed), "image/jpeg")) for seed in range(2)]
    answer = client.post(
        "/v1/styles",
        files=files,
        data={"steps": "0", "name": "bench"},
        headers={"Prefer": f"wait={_WITHIN:.0f}"},
    )
    body = answer.raise_for_status().json()
    style: str = body["style"]["id"]
    return style


def _stylize(client: httpx.Client, style: str, picture: bytes) -> float:
    """One picture there and back; the worker's seconds for it.

    Raises BenchmarkError when the job does not succeed in time.
    """
    answer = client.post(
        "/v1/stylizations",
        files={"contents": ("photo.jpg", picture, "image/jpeg")},
        data={"style_id": style, "format": "jpeg"},
        headers={"Prefer": f"wait={_WITHIN:.0f}"},
    ).raise_for_status()
    body = answer.json()
    images = body["stylization"]["images"]
    if not images:
        raise BenchmarkError(f"a stylization ended as {body['job']}")
    client.get(images[0]["url"]).raise_for_status()
    seconds: float = body["job"]["result"]["seconds"]
    return seconds
