"""``python -m benchmarks.retained``: whether API or worker keep anything of the requests that they answered.

The stub service under the clients of ``benchmarks.load``, at a light rate; after so many requests each
process says what it holds. What grows with the requests in ``blocks`` or ``in_use_mib`` is retained; what
grows in ``free_mib`` alone was given back to malloc and lies between what is in use. Kept in
``benchmarks/results/retained.json``.
"""

import asyncio
import json
import os
import shutil
import signal
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from app.settings import load_settings
from benchmarks.errors import BenchmarkError
from benchmarks.load.__main__ import make_owners, run_clients
from benchmarks.machine import machine_info
from benchmarks.stub.service import Service, client, stub_service

RESULTS = Path(__file__).parent.parent / "results" / "retained.json"
INSIDE = Path(__file__).parent / "inside"

_HOURS = 6 * 3600  # s; the clients are stopped before
_POLL = 1.0  # s
_PATIENCE = 120.0  # s for a process to answer
_LOAD = {"steps": 2, "side": 384}


async def answered(http: httpx.AsyncClient) -> int:
    """Requests that the API has answered so far."""
    lines = (await http.get("/metrics", timeout=_PATIENCE)).text.splitlines()
    counts = [line for line in lines if line.startswith("fewstroke_http_request_seconds_count")]
    return round(sum(float(line.rpartition(" ")[2]) for line in counts))


async def ask(service: Service, folder: Path) -> dict[str, dict[str, float]]:
    """What API and worker hold at this moment."""
    found = {}
    for kind in ("api", "worker"):
        (pid,) = service.pids(kind)
        path = folder / f"{pid}.json"
        path.unlink(missing_ok=True)
        os.kill(pid, signal.SIGUSR1)
        found[kind] = json.loads(await _written(path))
    return found


def _read(path: Path) -> str | None:
    return path.read_text() if path.is_file() else None


async def _written(path: Path) -> str:
    for _ in range(round(_PATIENCE / _POLL)):
        if (text := _read(path)) is not None:
            return text
        await asyncio.sleep(_POLL)
    raise BenchmarkError(f"{path.stem} does not answer")


async def _until(http: httpx.AsyncClient, mark: int) -> int:
    for _ in range(round(_HOURS / _POLL)):
        with suppress(httpx.TimeoutException):  # a machine that is busy with other things
            if (count := await answered(http)) >= mark:
                return count
        await asyncio.sleep(_POLL)
    raise BenchmarkError(f"{mark} requests were not reached")


async def measure(folder: Path, users: int, marks: list[int]) -> list[dict[str, Any]]:
    """A row for each mark."""
    env = {
        "PYTHONPATH": os.pathsep.join([str(INSIDE), os.environ.get("PYTHONPATH", "")]),
        "FEWSTROKE_TEST_RETAINED": str(folder),
    }
    rows = []
    async with stub_service(folder / "data", workers=1, env=env) as service, client(service.url) as http:
        owners = await make_owners(http, load_settings(data_dir=service.data_dir))
        plan = folder / "plan.json"
        plan.write_text(json.dumps({"owners": owners, **_LOAD}))
        clients = await run_clients(plan, folder / "counts.json", service.url, users, _HOURS)
        try:
            for mark in marks:
                count = await _until(http, mark)
                rows.append({"requests": count, **await ask(service, folder)})
                typer.echo(json.dumps(rows[-1]), err=True)
        finally:
            clients.send_signal(signal.SIGKILL)
            await clients.wait()
    return rows


def main(
    users: Annotated[int, typer.Option(min=1)] = 60,
    marks: Annotated[
        str, typer.Option(help="Requests after which to look.")
    ] = "3000,10000,20000,40000,60000",
    output: Annotated[Path | None, typer.Option(help="JSON of results.")] = RESULTS,
) -> None:
    """Look at API and worker after so many requests."""
    folder = Path(tempfile.mkdtemp(prefix="fewstroke-retained-"))
    try:
        rows = asyncio.run(measure(folder, users, [int(mark) for mark in marks.split(",")]))
    finally:
        shutil.rmtree(folder)
    if output is not None:
        output.write_text(
            json.dumps({"machine": machine_info(), "users": users, "rows": rows}, indent=1) + "\n"
        )


if __name__ == "__main__":
    typer.run(main)
