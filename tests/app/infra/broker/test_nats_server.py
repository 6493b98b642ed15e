"""The embedded server: private, found by its data folder, never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from app.infra.broker import Broker, BrokerStartError, BrokerUnavailableError, EmbeddedServer, find_broker
from app.infra.broker import nats_server as module
from tests.support.waiting import eventually

pytestmark = pytest.mark.process


async def test_the_address_is_found_by_data_folder_and_private(server: EmbeddedServer, tmp_path: Path):
    found = find_broker(tmp_path)
    assert (found.url, found.token, found.pid) == (server.url, server.token, server.pid)
    for name in ("address.json", "nats.conf"):
        mode = stat.S_IMODE((tmp_path / "broker" / name).stat().st_mode)
        assert mode == 0o600, name
    arguments = " ".join(psutil.Process(server.pid).cmdline())
    assert server.token is not None
    assert server.token not in arguments


async def test_it_listens_on_loopback_only(server: EmbeddedServer):
    listening = {
        connection.laddr.ip
        for connection in psutil.Process(server.pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_a_cluster_wins_over_the_data_folder(tmp_path: Path):
    address = find_broker(tmp_path, url="nats://cluster:4222", token="t")
    assert (address.url, address.token, address.pid) == ("nats://cluster:4222", "t", None)


def test_without_any_broker_the_error_says_what_to_start(tmp_path: Path):
    with pytest.raises(BrokerUnavailableError, match="fewstroke serve"):
        find_broker(tmp_path)


async def test_jobs_outlive_a_stop(tmp_path: Path):
    async with EmbeddedServer(tmp_path) as first:
        broker = await Broker.connect(first.url, token=first.token)
        await broker.publish_job("adapt", "job_1")
        await broker.close()
    async with EmbeddedServer(tmp_path) as second:
        broker = await Broker.connect(second.url, token=second.token)
        delivery = await broker.next_job(["adapt"], timeout=0)
        assert delivery is not None
        assert delivery.job_id == "job_1"
        await broker.close()


async def test_the_next_start_ends_a_server_that_was_left_behind(tmp_path: Path):
    left = EmbeddedServer(tmp_path)
    await left.start()
    process = psutil.Process(left.pid)
    async with EmbeddedServer(tmp_path) as running:
        assert not process.is_running()
        assert running.pid != process.pid
        broker = await Broker.connect(running.url, token=running.token)
        await broker.close()


async def test_a_reused_process_id_is_left_alone(tmp_path: Path):
    bystander = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE
    )
    try:
        (tmp_path / "broker").mkdir()
        (tmp_path / "broker" / "nats.pid").write_text(str(bystander.pid))
        async with EmbeddedServer(tmp_path):
            assert bystander.returncode is None
    finally:
        bystander.kill()
        await bystander.wait()


async def test_it_dies_with_the_process_that_started_it(tmp_path: Path):
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from app.infra.broker import EmbeddedServer\n"
        "async def main():\n"
        "    server = EmbeddedServer(Path(sys.argv[1]))\n"
        "    await server.start()\n"
        "    print(server.pid, flush=True)\n"
        "    await server.wait()\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    await eventually(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie")


async def test_a_server_that_cannot_start_shows_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_CONFIG", module._CONFIG + "\nno_such_setting: 1\n")
    with pytest.raises(BrokerStartError, match=r"did not start(?s:.)+no_such_setting"):
        await EmbeddedServer(tmp_path).start()


@pytest.mark.parametrize(
    "name", ["ünï", "данные", "数据", 'a "b" \\n $HOME', "50% #1?", "two  words", "lat\udce9n"], ids=ascii
)
async def test_any_folder_will_do(tmp_path: Path, name: str):
    async with EmbeddedServer(tmp_path / name) as running:
        broker = await Broker.connect(running.url, token=running.token)
        await broker.close()
        assert running.log_file.is_file()


async def test_a_server_that_ended_left_its_last_words(tmp_path: Path):
    async with EmbeddedServer(tmp_path) as running:
        assert running.pid is not None
        os.kill(running.pid, signal.SIGQUIT)  # Go's runtime writes what it was at, past the log
        await running.wait()
        assert "goroutine" in (tmp_path / "broker" / "nats.out").read_text()
        assert running.last_words()


def test_the_server_comes_with_the_package():
    binary = module.server_binary()
    assert os.access(binary, os.X_OK)
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    assert version.startswith("nats-server: v2.")


@pytest.mark.parametrize(("kind", "shown"), [("preview", "base64"), ("text", "text")])
async def test_of_purged_previews_no_byte_is_left_on_the_disk(tmp_path: Path, kind: str, shown: str) -> None:
    def found() -> int:
        return sum(path.read_bytes().count(b"canary") for path in tmp_path.rglob("*") if path.is_file())

    async with EmbeddedServer(tmp_path) as server:
        broker = await Broker.connect(server.url, token=server.token)
        for step in range(5):
            await broker.publish_event("job_1", kind, {"step": step, shown: "canary" * 50})
            await broker.publish_event("job_1", "progress", {"step": step})
            await broker.publish_event("job_2", kind, {"step": step, shown: "another" * 50})
        assert found() == 250
        await broker.purge_events("job_1")
        assert found() == 0
        await broker.publish_event("job_2", "state", {"state": "succeeded"})
        assert len([event async for event in broker.events("job_2")]) == 6, "those of others stay"
        await broker.purge_events("job_1")
        await broker.close()
