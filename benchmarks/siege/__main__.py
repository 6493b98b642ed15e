"""Owner A works, alone, then while strangers and owner B attack, then alone again: how long A waits.

``python -m benchmarks.siege``, bounded and on loopback only. The engine is a stub; supervisor, API, broker,
decoders, deliverer and database are real, and keys have the usual rates. The attackers are nicer than the
service: elsewhere they would have machines of their own. What they take of this one is printed. Exit status 1
when A's p95 is more than 1.5 times that of A alone, when a webhook of A was told late or failed, when B was
told anything but 2xx and 429, or when the API's memory grew beyond its bound.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import httpx
import psutil
import typer

from app.infra.asyncio_utils import end
from benchmarks.errors import BenchmarkError
from benchmarks.machine import machine_info
from benchmarks.processes import MIB
from benchmarks.siege.attacks import ATTACKS
from benchmarks.stub.service import Service, client, picture, stub_service

RESULTS = Path(__file__).parent.parent / "results" / "siege.json"
INSIDE = Path(__file__).parent / "inside"

_PAUSE = 0.3  # s between two uploads of A
_QUIET = 20.0  # s after the siege in which what is in hand comes to its end
_NICER = 5  # the attackers, than the service
_TIMES, _GROWTH, _LATE = 1.5, 128 * MIB, 5.0  # bounds: of p95, of the API's memory, of webhooks (s)
_FIT = frozenset({200, 201, 202, 204, 429})


@dataclass
class Work:
    """What became of A's work: seconds of each upload, and of each message from the cancel to its arrival."""

    uploads: list[float] = field(default_factory=list)
    messages: list[float] = field(default_factory=list)


@dataclass
class Most:
    """The most that the API and its decoders have had: memory in bytes, descriptors."""

    api: int = 0
    decoder: int = 0
    descriptors: int = 0


async def _key(service: Service, owner: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", "keys", "create", owner),
        env={**os.environ, "FEWSTROKE_DATA_DIR": str(service.data_dir)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return (await process.communicate())[0].decode().split()[0]


class Receiver:
    """A's webhook: when the message about a job came."""

    def __init__(self) -> None:
        self.came: dict[str, float] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen; the port."""
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].split()[0])
            body = json.loads(await reader.readexactly(length))
            self.came.setdefault(body["data"]["id"], time.monotonic())
            writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            await writer.drain()
        writer.close()

    async def stop(self) -> None:
        """Listen no more."""
        assert self._server is not None
        self._server.close()


async def _work(http: httpx.AsyncClient, receiver: Receiver, seconds: float) -> Work:
    """Uploads, each canceled at once (what is measured is the way in), and the messages about that."""
    work, ended = Work(), dict[str, float]()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        started = time.monotonic()
        answer = await http.post("/v1/styles", files=[("examples", ("a.png", picture("teal")))])
        answer.raise_for_status()
        work.uploads.append(time.monotonic() - started)
        job = answer.json()["job"]["id"]
        ended[job] = time.monotonic()
        answer = await http.post(f"/v1/jobs/{job}/cancel")
        if answer.status_code != httpx.codes.CONFLICT:  # it is over already
            answer.raise_for_status()
        await asyncio.sleep(_PAUSE)
    await asyncio.sleep(_LATE)
    never = float("inf")
    work.messages = [receiver.came.get(job, never) - at for job, at in ended.items()]
    return work


async def _watch(api: psutil.Process, most: Most) -> None:
    while True:
        most.api = max(most.api, api.memory_info().rss)
        most.descriptors = max(most.descriptors, api.num_fds())
        for child in api.children():
            with suppress(psutil.NoSuchProcess):
                most.decoder = max(most.decoder, child.memory_info().rss)
        await asyncio.sleep(0.2)


def _processor_seconds(service: Service) -> dict[str, float]:
    """Of the service's parts, and of the API's decoders; and how long the API's event loop was ready and got
    no processor: what the machine's other work costs it (Linux)."""
    found = {"api": 0.0, "decoders": 0.0, "broker": 0.0, "worker": 0.0, "api_waited": 0.0}
    for kind, process in service.children():
        with suppress(psutil.NoSuchProcess):
            found[kind] += _taken(process)
            if kind == "api":
                waited = Path(f"/proc/{process.pid}/schedstat").read_text().split()[1]
                found["api_waited"] += int(waited) / 1e9
                for child in process.children():
                    with suppress(psutil.NoSuchProcess):
                        found["decoders"] += _taken(child)
    return found


def _taken(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@asynccontextmanager
async def _attackers(url: str, keys: tuple[str, str], sockets: int, attacks: str) -> AsyncIterator[Any]:
    """The process, ready; it begins when something is written to it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.siege.attacks", url, *keys, str(sockets), attacks),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    os.setpriority(os.PRIO_PROCESS, process.pid, os.getpriority(os.PRIO_PROCESS, 0) + _NICER)
    assert process.stdout is not None
    try:
        if (await process.stdout.readline()).strip() != b"ready":
            raise BenchmarkError("the attackers did not start")
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@contextmanager
def _descriptors(sockets: int) -> Iterator[None]:
    """Room for the sockets in this process's children."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = sockets + 1024
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise BenchmarkError(f"the limit of descriptors is {hard}, {wanted} are needed: raise it (ulimit -n)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield


def _p95(taken: list[float]) -> float:
    return sorted(taken)[int(0.95 * (len(taken) - 1))]


def _stored(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


async def lay_siege(seconds: float, sockets: int, attacks: str) -> dict[str, Any]:
    """What became of it."""
    with tempfile.TemporaryDirectory(prefix="fewstroke-siege-") as folder, _descriptors(sockets):
        paths = os.pathsep.join(filter(None, [str(INSIDE), str(Path.cwd()), os.environ.get("PYTHONPATH")]))
        env = {
            "FEWSTROKE_AUTH": "keys",
            "FEWSTROKE_LOG_LEVEL": "WARNING",
            "FEWSTROKE_WEBHOOK_ALLOW_HTTP": "true",
            "FEWSTROKE_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
            "FEWSTROKE_TEST_NAMES": "1",
            "PYTHONPATH": paths,
        }
        async with stub_service(Path(folder) / "data", workers=1, env=env) as service:
            return await _besiege(service, seconds, sockets, attacks)


async def _besiege(service: Service, seconds: float, sockets: int, attacks: str) -> dict[str, Any]:
    ada = await _key(service, "ada")
    bob = (await _key(service, "bob"), await _key(service, "bob"))
    (pid,) = service.pids("api")
    api, receiver, most = psutil.Process(pid), Receiver(), Most()
    port = await receiver.start()
    async with client(service.url) as http, _attackers(service.url, bob, sockets, attacks) as attackers:
        http.headers["Authorization"] = f"Bearer {bob[1]}"
        examples = [("examples", ("a.png", picture("navy")))]
        await http.post("/v1/styles", files=examples, data={"steps": "0"}, headers={"Prefer": "wait=20"})
        http.headers["Authorization"] = f"Bearer {ada}"
        hook = {"url": f"http://a.fast.example:{port}/", "events": ["job.canceled", "job.succeeded"]}
        made = (await http.post("/v1/webhooks", json=hook)).raise_for_status().json()
        await _work(http, receiver, 5.0)  # decoders and statements are there from now on
        first = _processor_seconds(service)
        alone = await _work(http, receiver, seconds / 2)
        at_rest, before = api.memory_info().rss, _processor_seconds(service)
        watching = asyncio.create_task(_watch(api, most))
        kept = await asyncio.to_thread(_stored, service.data_dir / "blobs")
        try:
            attackers.stdin.write(b"\n")
            besieged = await _work(http, receiver, seconds)
            after = _processor_seconds(service)
            theirs = _taken(psutil.Process(attackers.pid))
        finally:
            await end(watching)
        kept = await asyncio.to_thread(_stored, service.data_dir / "blobs") - kept
        attackers.kill()
        told = json.loads((await attackers.stdout.read()).decode().splitlines()[-1])
        await asyncio.sleep(_QUIET)
        again = await _work(http, receiver, seconds / 2)
        failures = (await http.get(f"/v1/webhooks/{made['id']}")).json()["failures"]
    await receiver.stop()
    return {
        "alone": [*alone.uploads, *again.uploads],
        "alone_before_and_after": [_p95(alone.uploads), _p95(again.uploads)],
        "besieged": besieged.uploads,
        "messages": besieged.messages,
        "failures": failures,
        "told": told,
        "kept": kept,
        "at_rest": at_rest,
        "most": most,
        "seconds_alone": {name: before[name] - first[name] for name in before},
        "seconds": {
            **{name: after[name] - before[name] for name in after},
            "attackers": theirs,
        },
    }


def _findings(found: dict[str, Any]) -> list[str]:
    """What is not as it must be."""
    most, findings = found["most"], []
    if _p95(found["besieged"]) > _TIMES * _p95(found["alone"]):
        findings.append(f"A's p95 is more than {_TIMES} times that of A alone")
    if found["failures"] or _p95(found["messages"]) > _LATE:
        findings.append("A's webhook was told late, or failed")
    if unfit := {status for status in map(int, found["told"]["answers"]) if status not in _FIT}:
        findings.append(f"B was told {sorted(unfit)}")
    if most.api - found["at_rest"] > _GROWTH:
        findings.append("the API's memory grew beyond its bound")
    return findings


def main(
    seconds: Annotated[float, typer.Option(min=4, help="Of the siege; as many before and after it.")] = 120.0,
    sockets: Annotated[int, typer.Option(min=1, help="Idle sockets.")] = 2000,
    attacks: Annotated[str, typer.Option(help=f"Some of: {', '.join(ATTACKS)}.")] = ",".join(ATTACKS),
    output: Annotated[Path | None, typer.Option(help="JSON of results.")] = RESULTS,
) -> None:
    """Lay siege to a service of its own."""
    if unknown := sorted(set(attacks.split(",")) - set(ATTACKS)):
        raise typer.BadParameter(f"unknown attacks: {', '.join(unknown)}")
    found = asyncio.run(lay_siege(seconds, sockets, attacks))
    alone, besieged, most, findings = found["alone"], found["besieged"], found["most"], _findings(found)
    result = {
        "seconds": seconds,
        "attacks": attacks.split(","),
        "alone": {
            "uploads": len(alone),
            "p50": round(_p50(alone), 3),
            "p95": round(_p95(alone), 3),
            "p95_before_and_after": [round(value, 3) for value in found["alone_before_and_after"]],
        },
        "besieged": {
            "uploads": len(besieged),
            "p50": round(_p50(besieged), 3),
            "p95": round(_p95(besieged), 3),
            "most": round(max(besieged), 3),
        },
        "times": round(_p95(besieged) / _p95(alone), 2),
        "messages_p95": round(_p95(found["messages"]), 2),
        "failures_of_webhook": found["failures"],
        "done": found["told"]["done"],
        "answers": found["told"]["answers"],
        "mib_sent": round(found["told"]["sent"] / MIB, 1),
        "mib_kept": round(found["kept"] / MIB, 1),
        "mib_api_at_rest": round(found["at_rest"] / MIB),
        "mib_api_at_most": round(most.api / MIB),
        "mib_decoder_at_most": round(most.decoder / MIB),
        "descriptors_at_most": most.descriptors,
        "processor_seconds_alone": _rounded(found["seconds_alone"]),
        "processor_seconds": _rounded(found["seconds"]),
        "findings": findings,
        "machine": machine_info(),
    }
    typer.echo(json.dumps(result, indent=1))
    if output is not None:
        output.write_text(json.dumps(result, indent=1) + "\n")
    if findings:
        raise typer.Exit(1)


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 1) for name, value in values.items()}


def _p50(taken: list[float]) -> float:
    return sorted(taken)[len(taken) // 2]


if __name__ == "__main__":
    typer.run(main)
