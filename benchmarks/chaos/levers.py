"""What faults are made with: a disk that fills, a PostgreSQL server, and services that use them."""

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

from app.infra.broker import BrokerAddress, find_broker
from app.infra.broker.discovery import broker_dir, save_address
from app.infra.db import create_engine
from app.settings import load_settings
from benchmarks.chaos.bench import Bench
from benchmarks.chaos.bucket import Bucket
from benchmarks.chaos.clock import Clock, build_library
from benchmarks.chaos.proxy import Proxy
from benchmarks.stub.service import client, stub_service

_DISK_MIB = 32


@asynccontextmanager
async def plain(
    folder: Path,
    *,
    workers: int = 2,
    env: Mapping[str, str] | None = None,
    worker_env: Sequence[str] = (),
    database_url: str | None = None,
    blobs: Mapping[str, str] | None = None,
) -> AsyncIterator[Bench]:
    """A bench on a service with the embedded defaults, in ``folder``. ``blobs``: of another
    store."""
    data_dir = folder / "data"
    more = {**(env or {}), **({"FEWSTROKE_DATABASE_URL": database_url} if database_url else {})}
    async with stub_service(data_dir, workers=workers, env=more, worker_env=worker_env) as service:
        settings = load_settings(data_dir=data_dir, database_url=database_url, **(blobs or {}))
        engine = create_engine(settings.database)
        try:
            async with client(service.url) as http:
                bench = Bench(service, settings, http, engine)
                await bench.make_style()
                yield bench
        finally:
            await engine.dispose()


@asynccontextmanager
async def without_lever(folder: Path) -> AsyncIterator[tuple[Bench, None]]:
    """For faults that need nothing but the service."""
    async with plain(folder) as bench:
        yield bench, None


@asynccontextmanager
async def with_short_patience(folder: Path) -> AsyncIterator[tuple[Bench, None]]:
    """Workers are taken for hanging after ten seconds."""
    async with plain(folder, env={"FEWSTROKE_WORKER_HANG_SECONDS": "10"}) as bench:
        yield bench, None


# Buckets -------------------------------------------------------------------------------------------


@asynccontextmanager
async def on_bucket(folder: Path) -> AsyncIterator[tuple[Bench, Bucket]]:
    """Pictures and styles in a bucket that can refuse."""
    bucket = await asyncio.to_thread(Bucket)
    names = {name.removeprefix("FEWSTROKE_").lower(): value for name, value in bucket.env.items()}
    try:
        async with plain(folder, env=bucket.env, blobs=names) as bench:
            yield bench, bucket
    finally:
        await asyncio.to_thread(bucket.close)


# Network -------------------------------------------------------------------------------------------


@asynccontextmanager
async def with_proxy(folder: Path) -> AsyncIterator[tuple[Bench, Proxy]]:
    """The workers reach the broker through a proxy."""
    data_dir = folder / "data"
    broker_dir(data_dir).mkdir(parents=True, mode=0o700)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    # The embedded server keeps the port and the token of an earlier start.
    save_address(data_dir, BrokerAddress(f"nats://127.0.0.1:{port}", token="benchmark"))

    def target() -> tuple[str, int]:
        return "127.0.0.1", int(find_broker(data_dir).url.rpartition(":")[2])

    proxy = Proxy(target)
    detour = (f"FEWSTROKE_NATS_URL=nats://127.0.0.1:{await proxy.start()}", "FEWSTROKE_NATS_TOKEN=benchmark")
    try:
        async with plain(folder, worker_env=detour) as bench:
            yield bench, proxy
    finally:
        await proxy.stop()


# Clocks --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Clocks:
    """The wall clocks of the API (with the supervisor) and of the workers."""

    api: Clock
    workers: Clock


@asynccontextmanager
async def with_clocks(folder: Path) -> AsyncIterator[tuple[Bench, Clocks]]:
    """API and workers see wall clocks of their own. The broker's stays: Go does not ask libc for the time."""
    library = await asyncio.to_thread(build_library, folder)
    clocks = Clocks(Clock(folder / "api-clock", library), Clock(folder / "workers-clock", library))
    own = [f"{name}={value}" for name, value in clocks.workers.env.items()]
    async with plain(folder, env=clocks.api.env, worker_env=own) as bench:
        yield bench, clocks


# Disk ----------------------------------------------------------------------------------------------


class Disk:
    """A small file system that can be full."""

    def __init__(self, path: Path) -> None:
        self._filler = path / "filler"

    async def stay_full(self, seconds: float) -> None:
        """Full for so long: what others give back meanwhile is taken as well. Then free."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        try:
            while loop.time() < deadline:
                await asyncio.to_thread(self._fill)
                await asyncio.sleep(0.02)
        finally:
            self._filler.unlink(missing_ok=True)

    def _fill(self) -> None:
        with self._filler.open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while file.write(bytes(size)) == size:
                        pass
                except OSError:
                    continue


def no_disk() -> str | None:
    """Why a small file system cannot be made."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return "mounting a tmpfs needs root"
    return None


@asynccontextmanager
async def on_small_disk(folder: Path) -> AsyncIterator[tuple[Bench, Disk]]:
    """Database, blobs, queue and temporary files together on a tmpfs of 32 MiB."""
    mount = folder / "disk"
    mount.mkdir()
    await _command("mount", "-t", "tmpfs", "-o", f"size={_DISK_MIB}m", "tmpfs", str(mount))
    try:
        (mount / "tmp").mkdir()
        disk = Disk(mount)
        async with plain(mount, env={"TMPDIR": str(mount / "tmp")}) as bench:
            yield bench, disk
    finally:
        await asyncio.to_thread(shutil.copy, mount / "data.log", folder)  # it was on that disk as well
        await _command("umount", "--lazy", str(mount))


async def _command(*arguments: str) -> None:
    await asyncio.to_thread(subprocess.run, arguments, check=True)


# PostgreSQL ----------------------------------------------------------------------------------------


class Postgres:
    """A PostgreSQL server of its own."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self._folder = folder
        self._bin = binaries
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self._port = probe.getsockname()[1]

    @property
    def url(self) -> str:
        """Of its database."""
        return f"postgresql://fewstroke@127.0.0.1:{self._port}/postgres"

    def make(self) -> None:
        """Create the cluster and start it."""
        self._folder.mkdir(mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres")
        self._run("initdb", "-U", "fewstroke", "--auth=trust", "--encoding=UTF8", "--no-sync")
        self._run(*self._start)

    async def restart(self) -> None:
        """As after a crash: no shutdown, all connections cut, recovery at the start."""
        await asyncio.to_thread(self._run, "pg_ctl", "-m", "immediate", "-s", "stop")
        await asyncio.to_thread(self._run, *self._start)

    def stop(self) -> None:
        """At once."""
        self._run("pg_ctl", "-m", "immediate", "-s", "stop")

    @property
    def _start(self) -> tuple[str, ...]:
        options = f"-h 127.0.0.1 -p {self._port} -k {self._folder} -c fsync=off"
        return ("pg_ctl", "-s", "-w", "-l", str(self._folder / "server.log"), "-o", options, "start")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), "-D", str(self._folder), *arguments]
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(command, check=True, cwd=self._folder, stdout=subprocess.DEVNULL)


def postgres_binaries() -> Path | None:
    """The folder of PostgreSQL's server programs; None: not installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found = shutil.which("initdb")
    return Path(found).parent if found else folders[-1] if folders else None


def no_postgres() -> str | None:
    """Why there is no PostgreSQL."""
    return None if postgres_binaries() else "PostgreSQL's server programs are not installed"


@asynccontextmanager
async def on_postgres(folder: Path) -> AsyncIterator[tuple[Bench, Postgres]]:
    """The ledger in a PostgreSQL server of its own."""
    binaries = postgres_binaries()
    assert binaries is not None
    await asyncio.to_thread(folder.chmod, 0o711)
    server = Postgres(folder / "postgres", binaries)
    await asyncio.to_thread(server.make)
    try:
        async with plain(folder, database_url=make_url(server.url).render_as_string()) as bench:
            yield bench, server
    finally:
        await asyncio.to_thread(server.stop)
