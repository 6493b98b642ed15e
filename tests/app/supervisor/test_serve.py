"""``fewstroke serve``: three processes that start, restart and stop together."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest
import pytest_asyncio

from tests.support.served import Service, running_service
from tests.support.waiting import eventually

pytestmark = [pytest.mark.process, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """One service for the tests that leave it running."""
    async with running_service(tmp_path_factory.mktemp("shared")) as service:
        yield service


def gone(processes: list[psutil.Process]) -> bool:
    return not any(process.is_running() and process.status() != "zombie" for process in processes)


async def test_it_serves_and_stops_everything_on_sigterm(tmp_path: Path):
    async with running_service(tmp_path) as service:
        job = await service.until(await service.adapt(steps=2), "succeeded")
        assert job["attempt"] == 1
        assert "POST /v1/styles" in service.text
        assert "curl -sS --fail-with-body" in service.text
        family = dict(service.children())
        assert sorted(family) == ["api", "broker", "worker"]
        for child in family.values():
            assert os.getpgid(child.pid) == child.pid  # ctrl-C does not reach it
            # What shares processor time out by sessions must not give the worker half of it.
            assert os.getsid(child.pid) == os.getsid(service.process.pid)
        service.process.terminate()
        assert await service.wait() == 0
        assert gone(list(family.values()))
        assert "killed" not in service.text


async def test_the_api_process_has_no_torch_and_is_small(shared: Service):
    await shared.until(await shared.adapt(steps=2), "succeeded")
    api = dict(shared.children())["api"]
    mapped = {Path(region.path).name for region in api.memory_maps()}
    assert not [name for name in mapped if "torch" in name]
    assert api.memory_info().rss < 150 * 2**20


@pytest.mark.parametrize("name", ["worker", "api", "broker"])
async def test_a_killed_child_is_replaced(shared: Service, name: str):
    before = dict(shared.children())[name].pid
    os.kill(before, signal.SIGKILL)

    def replaced() -> bool:
        child = dict(shared.children()).get(name)
        return child is not None and child.pid != before

    await eventually(replaced, within=30)
    await shared.until(await shared.adapt(steps=1), "succeeded")
    assert shared.process.returncode is None


async def test_the_job_of_the_only_worker_goes_on_when_it_was_killed(shared: Service):
    job_id = await shared.adapt(steps=60)
    os.kill(await shared.worker_of(job_id), signal.SIGKILL)

    async def taken_up() -> bool:
        return bool((await shared.job(job_id))["attempt"] == 2)

    await eventually(taken_up, within=15.0)  # the promise
    await shared.until(job_id, "succeeded")


async def test_killed_with_everything_in_flight_it_goes_on_where_it_was(tmp_path: Path):
    async with running_service(tmp_path) as service:
        running = await service.adapt(steps=40)
        waiting = [await service.adapt(steps=1) for _ in range(3)]
        await service.until(running, "running")
        family = dict(service.children())
        service.process.kill()
        await service.wait()
        await eventually(lambda: gone(list(family.values())))  # nobody else killed them

    async with running_service(tmp_path) as service:
        done = await service.until(running, "succeeded")
        assert done["attempt"] == 2
        for job_id in waiting:
            job = await service.until(job_id, "succeeded")
            assert job["attempt"] == 1
            style = (await service.http.get(f"/v1/styles/{job['style_id']}")).json()
            assert (await service.http.get(f"/v1/styles/{style['id']}/file")).status_code == httpx.codes.OK
        styles = (await service.http.get("/v1/styles")).json()["items"]
        assert len(styles) == 4
        service.process.terminate()
        assert await service.wait() == 0
    keys = [path.parent.parent.name for path in (tmp_path / "blobs" / "results").rglob("*.safetensors")]
    assert sorted(keys) == sorted([running, *waiting])  # one set of results each


async def test_a_stop_with_a_long_job_gives_it_back_and_the_next_serve_does_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FEWSTROKE_SCRIPTED_STEP", "0.12")  # 12 s for a job: twice what a stop waits for
    async with running_service(tmp_path) as service:
        job_id = await service.adapt(steps=100)
        await service.until(job_id, "running")
        service.process.send_signal(signal.SIGINT)
        assert await service.wait() == 0
        assert "goes back into the queue" in service.text
    async with running_service(tmp_path) as service:
        job = await service.until(job_id, "succeeded")
        assert job["attempt"] == 2


async def test_who_comes_while_it_ends_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FEWSTROKE_SCRIPTED_STEP", "0.12")
    async with running_service(tmp_path) as service:
        await service.until(await service.adapt(steps=100), "running")
        service.process.terminate()
        await eventually(lambda: "api" not in dict(service.children()))
        assert "worker" in dict(service.children())  # still at its job
        with pytest.raises(httpx.ConnectError):
            await service.http.get("/livez")
        assert await service.wait() == 0


async def test_a_data_folder_that_cannot_be_used_is_told_in_a_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("no folder")
    async with running_service(
        tmp_path, ("-m", "app.cli", "serve", "--data-dir", str(tmp_path / "file")), ready=False
    ) as service:
        assert await service.wait() == 1
        assert f"the data folder {tmp_path / 'file'} cannot be written (File exists)" in service.text
        assert "Traceback" not in service.text


@pytest.mark.parametrize(
    ("variable", "value", "status", "says"),
    [
        (
            "FEWSTROKE_DATABASE_URL",
            "postgresql://user:hunter2@127.0.0.1:1/x",
            1,
            "cannot start: The database",
        ),
        ("FEWSTROKE_NATS_URL", "nats://:hunter2@127.0.0.1:1", 1, "cannot start: no broker answers"),
        ("FEWSTROKE_DATABASE_URL", "mysql://user:hunter2@127.0.0.1:1/x", 78, "only postgresql"),
    ],
    ids=["database", "broker", "settings"],
)
async def test_an_api_that_cannot_start_says_why_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, status: int, says: str
):
    monkeypatch.setenv(variable, value)
    async with running_service(tmp_path, ("-m", "app.cli", "api"), ready=False) as service:
        assert await service.wait() == status
        assert says in service.text
        assert "Traceback" not in service.text
        assert "hunter2" not in service.text


async def test_two_workers_serve(tmp_path: Path):
    async with running_service(tmp_path, ("-m", "tests.support.serve_fake_worker", "2")) as service:
        jobs = [await service.adapt(steps=10) for _ in range(4)]
        for job_id in jobs:
            await service.until(job_id, "succeeded")
        assert "worker-1" in service.text
        assert "worker-2" in service.text


async def test_a_second_serve_on_the_folder_is_refused(shared: Service):
    async with running_service(shared.data_dir, ready=False) as second:
        assert await second.wait() == 1
        assert f"another `fewstroke serve` (process {shared.process.pid}) uses" in second.text
    await shared.until(await shared.adapt(steps=1), "succeeded")


async def test_a_taken_port_is_named(shared: Service, tmp_path: Path):
    port = shared.http.base_url.port
    assert port is not None
    async with running_service(tmp_path, environment={"FEWSTROKE_PORT": str(port)}, ready=False) as second:
        assert await second.wait() == 1
        assert f"cannot listen on 127.0.0.1:{port}" in second.text
        assert "--port" in second.text


@pytest.mark.parametrize("command", ["serve", "api"])
@pytest.mark.parametrize("host", ["198.51.100.7", "no.such.host.invalid", "localhost:9000", "2001:db8::7"])
async def test_an_address_that_is_not_this_machines_is_told_as_one(tmp_path: Path, host: str, command: str):
    arguments = ("-m", "app.cli", command, "--host", host, "--data-dir", str(tmp_path))
    async with running_service(tmp_path, arguments, ready=False) as service:
        assert await service.wait() == 1
        assert "choose an address of this machine with --host" in service.text
        assert "another port" not in service.text
        assert "Traceback" not in service.text


async def test_a_worker_without_a_checkpoint_ends_the_service_with_the_reason(tmp_path: Path):
    missing = tmp_path / "missing.safetensors"
    command = (
        "-c",
        "import asyncio, sys, typer\n"
        "from app.settings import load_settings\n"
        "from app.supervisor import Supervisor\n"
        "from app.cli.common import reported_errors\n"
        "def main():\n"
        "    with reported_errors():\n"
        f"        settings = load_settings(checkpoint={str(missing)!r})\n"
        "        asyncio.run(Supervisor(settings, worker_command=["
        "sys.executable, '-c', 'raise SystemExit(78)']).run())\n"
        "typer.run(main)\n",
    )
    async with running_service(tmp_path, command, ready=False) as service:
        assert await service.wait() == 78, "systemd's RestartPreventExitStatus"
        assert "the worker cannot start" in service.text
