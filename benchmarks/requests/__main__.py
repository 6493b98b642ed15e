"""``python -m benchmarks.requests``: processor time of the HTTP process for one request of each kind.

A stub service with a few owners whose queue is filled to its bound and then stands still: its worker is
stopped, so jobs stay as they are and nobody else asks for processor time. ``--against DIR`` starts the
service of another checkout beside it and asks both by turns, so that both figures are of the same minute;
their ratio says more than either. Processor time is read from the operating system, threads included and
child processes not. Kept in ``benchmarks/results/requests.json``.
"""

import asyncio
import json
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx
import psutil
import typer

from app.settings import load_settings
from benchmarks.errors import BenchmarkError
from benchmarks.load.__main__ import make_owners
from benchmarks.load.pictures import photo
from benchmarks.machine import machine_info
from benchmarks.requests.report import Figure, figures, table
from benchmarks.stub.service import Service, client, stub_service

RESULTS = Path(__file__).parent.parent / "results" / "requests.json"

_AT_ONCE = 8  # clients
_BOUND = 256  # unfinished jobs, the default
_WARM_UPS = 40


@dataclass(frozen=True)
class Target:
    """A service, and what is there to ask it for."""

    service: Service
    http: httpx.AsyncClient
    owners: list[dict[str, str]]
    jobs: list[tuple[dict[str, str], str]]  # the headers of their owner, and the id

    def processor_seconds(self) -> float:
        """Of the HTTP process, since it began."""
        (pid,) = self.service.pids("api")
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)


Call = Callable[[Target, int], Awaitable[tuple[int, httpx.Response]]]
"""The n-th request of a kind: the status that it must have, and the answer."""


async def poll(target: Target, number: int) -> tuple[int, httpx.Response]:
    """The state of a job that waits."""
    headers, job_id = target.jobs[number % len(target.jobs)]
    return 200, await target.http.get(f"/v1/jobs/{job_id}", headers=headers)


async def list_jobs(target: Target, number: int) -> tuple[int, httpx.Response]:
    """Twenty jobs."""
    return 200, await target.http.get("/v1/jobs?limit=20", headers=_headers(target, number))


async def submit(target: Target, number: int) -> tuple[int, httpx.Response]:
    """A photo and a style, while there is room."""
    answer = await _stylization(target, number)
    if answer.status_code == 202:
        target.jobs.append((_headers(target, number), answer.json()["job"]["id"]))
    return 202, answer


async def refused_photo(target: Target, number: int) -> tuple[int, httpx.Response]:
    """The same, when the queue is full."""
    return 429, await _stylization(target, number)


async def refused_examples(target: Target, number: int) -> tuple[int, httpx.Response]:
    """Eight examples, when the queue is full."""
    return 429, await target.http.post(
        "/v1/styles", headers=_headers(target, number), files=[("examples", ("a.jpg", _EXAMPLE))] * 8
    )


async def live(target: Target, _number: int) -> tuple[int, httpx.Response]:
    """The floor: server and framework, without a key, the database, or a line in the log."""
    return 200, await target.http.get("/livez")


_PHOTO = photo(768, 9)
_EXAMPLE = photo(512, 1)
_FULL: dict[str, tuple[Call, int]] = {  # when the queue is full; requests by round, to those of polling
    "GET /v1/jobs/{id}": (poll, 1),
    "GET /v1/jobs?limit=20": (list_jobs, 4),
    "POST /v1/stylizations, refused": (refused_photo, 4),
    "POST /v1/styles, eight examples, refused": (refused_examples, 4),
    "GET /livez": (live, 1),
}
_ACCEPTED = "POST /v1/stylizations, accepted"


async def _stylization(target: Target, number: int) -> httpx.Response:
    return await target.http.post(
        "/v1/stylizations",
        headers=_headers(target, number),
        files={"contents": ("a.jpg", _PHOTO)},
        data={"style_id": target.owners[number % len(target.owners)]["style_id"]},
    )


def _headers(target: Target, number: int) -> dict[str, str]:
    return {"Authorization": f"Bearer {target.owners[number % len(target.owners)]['key']}"}


async def spent(target: Target, call: Call, first: int, count: int) -> float:
    """Milliseconds of processor time for a request, of ``count`` that ``_AT_ONCE`` clients send.

    Raises BenchmarkError when one is not answered as it must be.
    """
    numbers = iter(range(first, first + count))

    async def one_client() -> None:
        for number in numbers:
            expected, answer = await call(target, number)
            if answer.status_code != expected:
                raise BenchmarkError(f"{expected} was expected: {answer.status_code} {answer.text}")

    before = target.processor_seconds()
    await asyncio.gather(*(one_client() for _ in range(_AT_ONCE)))
    return (target.processor_seconds() - before) / count * 1000


@asynccontextmanager
async def target(folder: Path, source: Path | None) -> AsyncIterator[Target]:
    """The service of a checkout (None: of this one), with owners, whose worker is stopped."""
    env = {"FEWSTROKE_MAX_QUEUED_JOBS": str(_BOUND), "FEWSTROKE_MAX_QUEUED_JOBS_PER_OWNER": str(_BOUND)}
    if source is not None:
        env |= {"PYTHONPATH": str(source), "PYTHONSAFEPATH": "1"}
    async with stub_service(folder / "data", workers=1, env=env) as service, client(service.url) as http:
        owners = await make_owners(http, load_settings(data_dir=service.data_dir))
        for pid in service.pids("worker"):
            os.kill(pid, signal.SIGSTOP)
        yield Target(service, http, owners, [])


async def measure(folder: Path, against: Path | None, requests: int, rounds: int) -> list[Figure]:
    """The figures of each kind of request: this checkout's rounds, and the other one's."""
    async with AsyncExitStack() as stack:
        targets = []
        for name, source in (("this", None), ("other", against)):
            if name == "this" or source is not None:
                (folder / name).mkdir()
                targets.append(await stack.enter_async_context(target(folder / name, source)))
        found: list[Figure] = []

        async def kind(name: str, call: Call, count: int, rounds: int) -> None:
            series: list[list[float]] = [[] for _ in targets]
            for number in range(rounds):
                for which, asked in enumerate(targets):
                    series[which].append(await spent(asked, call, number * count, count))
            found.append(Figure(name, count, *series))

        for asked in targets:
            await spent(asked, submit, 0, _WARM_UPS)
        await kind(_ACCEPTED, submit, (_BOUND - _WARM_UPS) // rounds, rounds)
        for asked in targets:
            if room := _BOUND - len(asked.jobs):
                await spent(asked, submit, 0, room)
        for name, (call, share) in _FULL.items():
            for asked in targets:
                await spent(asked, call, 0, _WARM_UPS)
            await kind(name, call, max(1, requests // share), rounds)
        return found


def main(
    against: Annotated[
        Path | None, typer.Option(help="Another checkout to compare with, e.g. a git worktree.")
    ] = None,
    requests: Annotated[int, typer.Option(min=1, help="Polls in a round; of the others a quarter.")] = 400,
    rounds: Annotated[int, typer.Option(min=1, max=40)] = 6,
    output: Annotated[Path | None, typer.Option(help="JSON of results.")] = RESULTS,
) -> None:
    """Print what each kind of request costs the HTTP process."""
    with tempfile.TemporaryDirectory(prefix="fewstroke-requests-") as folder:
        found = asyncio.run(measure(Path(folder), against and against.resolve(), requests, rounds))
    rows: list[dict[str, Any]] = figures(found)
    if output is not None:
        output.write_text(json.dumps({"machine": machine_info(), "rows": rows}, indent=1) + "\n")
    typer.echo(table(rows))


if __name__ == "__main__":
    typer.run(main)
