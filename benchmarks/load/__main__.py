"""``python -m benchmarks.load``: 200 clients for five minutes, with the stub engine or the real one.

Exit status 1 when the bar is missed: an answer that is no 2xx and no 429, a p99 of polling of 100 ms or
more, a queue beyond its bound, a job that did not end well, a process that had to be started again, memory
or handles that still grow in the second half of twenty minutes or more (``--seconds 1500``). Results are
kept by engine in ``benchmarks/results/load.json``.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Annotated, Any

import httpx
import typer
from sqlalchemy import func, select

from app.auth.principal import Scope
from app.auth.repository import create_key
from app.infra.asyncio_utils import end
from app.infra.db import create_engine, create_sessions
from app.jobs.job import ACTIVE_STATES
from app.jobs.tables import JobRow
from app.settings import Settings, load_settings
from benchmarks.errors import BenchmarkError
from benchmarks.load.pictures import photo
from benchmarks.load.report import problems, requests, tables
from benchmarks.load.watch import Watch, cores_of_others
from benchmarks.machine import machine_info
from benchmarks.stub.service import Service, client, stub_service

RESULTS = Path(__file__).parent.parent / "results" / "load.json"

_OWNERS = 10
_SPAWN = 20  # clients a second
_STUB = {"steps": 10, "side": 768}
_ENGINE = {"steps": 1, "side": 384}
_OVER_WITHIN = 120.0  # s for the jobs that run when the clients have gone


async def make_owners(http: httpx.AsyncClient, settings: Settings) -> list[dict[str, str]]:
    """Keys that are not limited in requests, and a style of each owner."""
    engine = create_engine(settings.database)
    try:
        sessions, owners = create_sessions(engine), []
        for number in range(_OWNERS):
            _, key = await create_key(
                sessions,
                owner=f"owner-{number}",
                name="load",
                scopes=[Scope.READ, Scope.WRITE],
                requests_per_minute=1_000_000,
            )
            answer = await http.post(
                "/v1/styles",
                headers={"Authorization": f"Bearer {key}", "Prefer": "wait=60"},
                files={"examples": ("a.jpg", photo(128, number))},
                data={"steps": "0"},
            )
            style = answer.raise_for_status().json()["style"]
            if style["status"] != "ready":
                raise BenchmarkError(f"no style to begin with: {answer.text}")
            owners.append({"key": key, "style_id": style["id"]})
        return owners
    finally:
        await engine.dispose()


async def run_clients(
    plan: Path, counts: Path, url: str, users: int, seconds: int
) -> asyncio.subprocess.Process:
    """Locust in a process of its own: it replaces the standard library's sockets by gevent's."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "locust", "-f", str(Path(__file__).parent / "clients.py")),
        *("--headless", "--host", url, "-u", str(users), "-r", str(_SPAWN), "--reset-stats"),
        *("-t", f"{seconds + users // _SPAWN}s", "--stop-timeout", "10", "--only-summary"),
        *("--json-file", str(counts.parent / "stats")),
        env={**os.environ, "LOAD_PLAN": str(plan), "LOAD_COUNTS": str(counts), "PYTHONWARNINGS": "ignore"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=(counts.parent / "clients.log").open("wb"),
        stderr=asyncio.subprocess.STDOUT,
    )


async def clear(http: httpx.AsyncClient, settings: Settings, keys: Sequence[str]) -> dict[str, int]:
    """Cancel what still waits; how many jobs ended in which state."""
    for key in keys:
        headers = {"Authorization": f"Bearer {key}"}
        while True:
            page = await http.get("/v1/jobs?state=queued&state=running&limit=100", headers=headers)
            waiting = [job["id"] for job in page.raise_for_status().json()["items"]]
            if not waiting:
                break
            for job_id in waiting:
                await http.post(f"/v1/jobs/{job_id}/cancel", headers=headers)
    engine = create_engine(settings.database)
    try:
        sessions = create_sessions(engine)
        deadline = time.monotonic() + _OVER_WITHIN
        while True:
            async with sessions() as session:
                query = select(JobRow.state, func.count()).group_by(JobRow.state)
                states = {str(state): int(count) for state, count in await session.execute(query)}
            if not set(states) & set(ACTIVE_STATES) or time.monotonic() > deadline:
                return states
            await asyncio.sleep(0.5)
    finally:
        await engine.dispose()


async def measure(service: Service, *, users: int, seconds: int, load: dict[str, int]) -> dict[str, Any]:
    """The row of results."""
    settings = load_settings(data_dir=service.data_dir)
    folder = service.data_dir.parent
    async with client(service.url) as http:
        owners = await make_owners(http, settings)
        plan, counts = folder / "plan.json", folder / "counts.json"
        plan.write_text(json.dumps({"owners": owners, **load}))
        clients = await run_clients(plan, counts, service.url, users, seconds)
        watch = Watch(service.process.pid, clients.pid, service.data_dir)
        try:
            await asyncio.sleep(users / _SPAWN)
            watching = asyncio.create_task(watch.run())
            await asyncio.sleep(seconds - 1)
            await end(watching)
            await asyncio.wait_for(clients.wait(), 60)
        finally:
            if clients.returncode is None:
                clients.send_signal(signal.SIGKILL)
        if not counts.is_file():
            raise BenchmarkError((folder / "clients.log").read_text()[-3000:])
        left = await clear(http, settings, [owner["key"] for owner in owners])
        found = json.loads(counts.read_text())
        return {
            "clients": users,
            "seconds": seconds,
            "load": load,
            "requests": requests(json.loads((folder / "stats.json").read_text()), found["statuses"]),
            "ended": found["ended"],
            "left": left,
            "queue": {
                "bound": settings.max_queued_jobs,
                "peak": max(watch.active),
                "mean": round(mean(watch.active)),
            },
            "idle_percent": round(mean(watch.idle), 1),
            "cores_of_others": cores_of_others(watch),
            "processes": {name: series.figures() for name, series in sorted(watch.series.items())},
        }


def main(
    engine: Annotated[str, typer.Option(help="`stub` (known timing) or `real`.")] = "stub",
    users: Annotated[int, typer.Option(min=1)] = 200,
    seconds: Annotated[int, typer.Option(min=10, help="After all clients have come.")] = 300,
    output: Annotated[Path | None, typer.Option(help="JSON of results, kept by engine.")] = RESULTS,
    keep: Annotated[bool, typer.Option(help="Keep the service's data and logs.")] = False,
) -> None:
    """Put load on a service of one API, one worker, and the embedded broker."""
    if engine not in ("stub", "real"):
        raise typer.BadParameter("--engine is `stub` or `real`")

    async def run(folder: Path) -> dict[str, Any]:
        async with stub_service(folder / "data", workers=1, engine=engine == "real") as service:
            return await measure(
                service, users=users, seconds=seconds, load=_STUB if engine == "stub" else _ENGINE
            )

    scratch = Path(tempfile.mkdtemp(prefix="fewstroke-load-"))
    try:
        row = asyncio.run(run(scratch))
    finally:
        if keep:
            typer.echo(f"data and logs: {scratch}", err=True)
        else:
            shutil.rmtree(scratch)
    row["missed"] = problems(row, row["queue"]["bound"])
    if output is not None:
        rows = json.loads(output.read_text())["rows"] if output.is_file() else {}
        rows[engine] = {"machine": machine_info(), **row}
        output.write_text(json.dumps({"rows": rows}, indent=1) + "\n")
    typer.echo(tables(row))
    typer.echo(
        json.dumps(
            {key: row[key] for key in ("queue", "idle_percent", "cores_of_others", "ended", "left", "missed")}
        )
    )
    if row["missed"]:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
