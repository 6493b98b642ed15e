"""Owner A works, first alone, then while strangers and owner B attack: how long A waits, and what it costs.

Bounded, and on loopback only. The engine is a stub; supervisor, API, broker, decoders and database are real.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import httpx
import psutil
import typer

from app.infra.asyncio_utils import end
from benchmarks.stub.service import StubService, picture, stub_service

_ENV = {"FEWSTROKE_AUTH": "keys", "FEWSTROKE_LOG_LEVEL": "WARNING"}
_PAUSE = 0.2  # s between two uploads of A


async def _key(service: StubService, owner: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "app.cli", "keys", "create", owner, "--requests-per-minute", "0"),
        env={**os.environ, "FEWSTROKE_DATA_DIR": str(service.data_dir)},
        stdout=asyncio.subprocess.PIPE,
    )
    return (await process.communicate())[0].decode().split()[0]


async def _work(client: httpx.AsyncClient, seconds: float) -> list[float]:
    """Seconds of each upload of A, which are canceled at once: what is measured is the way in."""
    taken = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        started = time.monotonic()
        answer = await client.post("/v1/styles", files=[("examples", ("a.png", picture("teal")))])
        answer.raise_for_status()
        taken.append(time.monotonic() - started)
        await client.post(f"/v1/jobs/{answer.json()['job']['id']}/cancel")
        await asyncio.sleep(_PAUSE)
    return taken


async def _watch(process: psutil.Process, most: dict[str, float]) -> None:
    while True:
        most["MiB"] = max(most.get("MiB", 0), process.memory_info().rss / 2**20)
        most["descriptors"] = max(most.get("descriptors", 0), process.num_fds())
        await asyncio.sleep(0.2)


def _p95(taken: list[float]) -> float:
    return sorted(taken)[int(0.95 * (len(taken) - 1))]


@asynccontextmanager
async def _attackers(url: str, key: str, sockets: int, log: Path) -> AsyncIterator[None]:
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.siege.attacks", url, key, str(sockets)), stdout=output
        )
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def lay_siege(seconds: float, sockets: int) -> bool:
    """Print what became of it; whether B was told of no error of ours."""
    with tempfile.TemporaryDirectory(prefix="fewstroke-siege-") as folder:
        async with stub_service(Path(folder) / "data", workers=1, env=_ENV) as service:
            ada, bob = await _key(service, "ada"), await _key(service, "bob")
            most: dict[str, float] = {}
            log = Path(folder) / "attackers.log"
            headers = {"Authorization": f"Bearer {ada}"}
            limits = httpx.Limits(max_keepalive_connections=0)  # each upload is a new client
            async with httpx.AsyncClient(
                base_url=service.url, headers=headers, timeout=60, limits=limits
            ) as client:
                alone = await _work(client, seconds / 2)
                (api,) = service.pids("api")
                watching = asyncio.create_task(_watch(psutil.Process(api), most))
                try:
                    async with _attackers(service.url, bob, sockets, log):
                        besieged = await _work(client, seconds)
                finally:
                    await end(watching)
            lines = log.read_text().splitlines()
    told: dict[str, int] = json.loads(lines[-1]) if lines else {}
    worse = _p95(besieged) / _p95(alone)
    typer.echo(f"A alone:    {len(alone)} uploads, p95 {_p95(alone):.3f} s")
    typer.echo(f"A besieged: {len(besieged)} uploads, p95 {_p95(besieged):.3f} s ({worse:.1f} times)")
    typer.echo(f"B was told: {told}")
    typer.echo(f"API at most: {most['MiB']:.0f} MiB, {most['descriptors']:.0f} descriptors")
    return not any(int(status) >= 500 for status in told)


def main(
    seconds: Annotated[float, typer.Option(min=4, help="Of the siege.")] = 120.0,
    sockets: Annotated[int, typer.Option(min=1, help="Idle sockets.")] = 2000,
) -> None:
    """Lay siege to a service of its own."""
    if not asyncio.run(lay_siege(seconds, sockets)):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
