"""The decoder process: same results as in-process, and what happens when it stalls or dies."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path

import psutil
import pytest

from app.errors import (
    ImageCorruptError,
    ImageFormatUnsupportedError,
    ImageTooLargeError,
    ServiceUnavailableError,
)
from app.imaging import decoder_pool
from app.imaging.decoder_pool import Decoder
from app.imaging.limits import Ground, Limits, Normalized
from app.infra.python_processes import start_apart
from benchmarks.siege.pictures import slow_picture
from tests.support.pictures import encoded, picture
from tests.support.waiting import eventually

pytestmark = pytest.mark.process

LIMITS = Limits(min_side=16, max_side=8192, max_pixels=40_000_000, target_side=2048, ground=Ground.KEPT)


@pytest.fixture
async def decoder() -> AsyncIterator[Decoder]:
    decoder = Decoder(processes=1)
    yield decoder
    await decoder.close()


def source(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "in"
    path.write_bytes(data)
    return path


DECODER = "app.imaging.decoder_process"


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if DECODER in child.cmdline()]


async def test_pictures_one_after_the_other(decoder: Decoder, tmp_path: Path) -> None:
    good = source(tmp_path, encoded(picture(100, 50)))
    done = await asyncio.gather(
        *(decoder.normalize(good, tmp_path / f"out{n}", LIMITS, label="File 1") for n in range(5))
    )
    assert {(item.width, item.height) for item in done} == {(100, 50)}
    assert len({item.sha256 for item in done}) == 1
    assert len(children()) == 1


async def test_errors_come_back_as_themselves(decoder: Decoder, tmp_path: Path) -> None:
    bad = source(tmp_path, b"hello, this is text")
    with pytest.raises(ImageFormatUnsupportedError, match=r"^File 7 of `examples` is a text file: send JPEG"):
        await decoder.normalize(bad, tmp_path / "out", LIMITS, label="File 7 of `examples`")


async def test_a_killed_decoder_is_replaced(decoder: Decoder, tmp_path: Path) -> None:
    good = source(tmp_path, encoded(picture()))
    await decoder.normalize(good, tmp_path / "out", LIMITS, label="File 1")
    (child,) = children()
    child.suspend()
    waiting = asyncio.create_task(decoder.normalize(good, tmp_path / "out", LIMITS, label="File 1"))
    await asyncio.sleep(0)  # let it ask
    child.kill()
    with pytest.raises(ImageCorruptError, match="another program"):
        await waiting
    done = await decoder.normalize(good, tmp_path / "out", LIMITS, label="File 1")
    assert done.width == 64


async def test_a_stalled_decoder_is_ended(tmp_path: Path) -> None:
    decoder = Decoder(processes=1, seconds=60)
    good = source(tmp_path, encoded(picture()))
    try:
        await decoder.normalize(good, tmp_path / "out", LIMITS, label="File 1")
        (child,) = children()
        child.suspend()
        decoder._seconds = 0.2
        with pytest.raises(ImageTooLargeError, match="too long"):
            await decoder.normalize(good, tmp_path / "out", LIMITS, label="File 1")
        decoder._seconds = 60
        await decoder.normalize(good, tmp_path / "out", LIMITS, label="File 1")
        assert not child.is_running()
    finally:
        await decoder.close()


async def test_one_owner_leaves_a_decoder_for_the_others(tmp_path: Path) -> None:
    decoder = Decoder(processes=2, seconds=60)
    good = source(tmp_path, encoded(picture()))

    def decode(name: str, owner: str) -> Coroutine[None, None, Normalized]:
        return decoder.normalize(good, tmp_path / name, LIMITS, label="File 1", owner=owner)

    try:
        await decode("first", "bob")
        (child,) = children()
        child.suspend()  # as if his pictures took for ever
        slow = [asyncio.create_task(decode(f"bob{n}", "bob")) for n in range(10)]
        await asyncio.sleep(0)
        async with asyncio.timeout(30):
            assert (await decode("ada", "ada")).width == 64
        assert not any(task.done() for task in slow)
        child.resume()
        assert {done.width for done in await asyncio.gather(*slow)} == {64}
    finally:
        await decoder.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has niceness by thread")
async def test_a_picture_that_takes_long_gives_way(tmp_path: Path) -> None:
    decoder = Decoder(processes=1, seconds=300)
    quick = source(tmp_path, encoded(picture()))
    await decoder.normalize(quick, tmp_path / "out", LIMITS, label="File 1")
    (child,) = children()
    usual = child.nice()
    slow = tmp_path / "slow"
    slow.write_bytes(slow_picture(4000, 3000))
    taking = asyncio.create_task(decoder.normalize(slow, tmp_path / "out2", LIMITS, label="File 2"))

    def nicer() -> bool:
        threads = [os.getpriority(os.PRIO_PROCESS, thread.id) for thread in child.threads()]
        assert not taking.done(), "it was done before anybody could look"
        return usual in threads and max(threads) > usual

    try:
        await eventually(nicer, within=60)
        await taking
        assert child.nice() == usual

        def usual_alone() -> bool:  # the thread ends a moment after its answer
            return all(os.getpriority(os.PRIO_PROCESS, thread.id) == usual for thread in child.threads())

        await eventually(usual_alone, within=30)
    finally:
        await decoder.close()


async def test_pictures_of_a_request_share_its_time(decoder: Decoder, tmp_path: Path) -> None:
    good = source(tmp_path, encoded(picture()))
    budget = decoder.budget()
    whole = budget.seconds
    await decoder.normalize(good, tmp_path / "out", LIMITS, label="File 1", budget=budget)
    assert budget.seconds < whole
    budget.seconds = 0.0  # the pictures before it have taken all
    with pytest.raises(ImageTooLargeError, match="with the pictures before it"):
        await decoder.normalize(good, tmp_path / "out", LIMITS, label="File 2", budget=budget)
    assert (await decoder.normalize(good, tmp_path / "out", LIMITS, label="File 1")).width == 64


async def test_a_picture_may_take_so_much_processor_time(tmp_path: Path) -> None:
    decoder = Decoder(processes=1, seconds=300)
    slow = tmp_path / "slow"
    slow.write_bytes(slow_picture(4000, 3000))
    good = source(tmp_path, encoded(picture()))
    try:
        await decoder.normalize(good, tmp_path / "out", LIMITS, label="File 1")
        (child,) = children()
        budget = decoder.budget()
        budget.seconds = 0.3
        with pytest.raises(ImageTooLargeError, match="takes too long"):
            await decoder.normalize(slow, tmp_path / "out", LIMITS, label="File 1", budget=budget)
        assert budget.seconds == 0.0, "nor do the others of its request"
        assert not child.is_running()
        await decoder.normalize(good, tmp_path / "out", LIMITS, label="File 1")
    finally:
        await decoder.close()


async def test_starting_a_decoder_is_not_the_pictures_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder_pool, "_PATIENCE", 1.0)

    async def slowly(module: str, **pipes: int) -> asyncio.subprocess.Process:
        await asyncio.sleep(3.5)  # longer than the picture may take
        return await start_apart(module, **pipes)

    monkeypatch.setattr(decoder_pool, "start_apart", slowly)
    decoder = Decoder(processes=1, seconds=3)
    try:
        good = source(tmp_path, encoded(picture()))
        done = await decoder.normalize(good, tmp_path / "out", LIMITS, label="File 1")
        assert done.width == 64
    finally:
        await decoder.close()


async def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys, os\n"
        "from pathlib import Path\n"
        "from app.imaging.decoder_pool import Decoder\n"
        "from app.imaging.limits import Ground, Limits\n"
        "async def main():\n"
        "    decoder = Decoder(processes=1)\n"
        "    limits = Limits(16, 99, 9999, 99, True)\n"
        "    await decoder.normalize(Path(sys.argv[1]), Path(sys.argv[2]), limits, label='x')\n"
        "    print(decoder._children[0]._process.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    good = source(tmp_path, encoded(picture()))
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(good), str(tmp_path / "out"), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    assert psutil.pid_exists(pid)
    parent.kill()
    await parent.wait()

    def gone() -> bool:
        return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE

    await eventually(gone)


async def test_a_result_that_cannot_be_stored_is_not_the_pictures_fault(decoder: Decoder, tmp_path: Path):
    good = source(tmp_path, encoded(picture(100, 50)))
    with pytest.raises(ServiceUnavailableError):
        await decoder.normalize(good, Path("/dev/full"), LIMITS, label="The picture")
    assert len(children()) == 1  # and it goes on
    assert (await decoder.normalize(good, tmp_path / "out", LIMITS, label="The picture")).width == 100
