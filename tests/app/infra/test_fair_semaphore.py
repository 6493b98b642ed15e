"""Turns at a stage that owners share."""

from __future__ import annotations

import asyncio

import pytest

from app.infra.asyncio_utils import end
from app.infra.fair_semaphore import FairSemaphore


class Stage:
    """Records who is inside, in which order, and lets go when told."""

    def __init__(self, turns: FairSemaphore) -> None:
        self._semaphore = turns
        self.entered: list[str] = []
        self._go = asyncio.Semaphore(0)

    async def visit(self, owner: str) -> None:
        async with self._semaphore.turn(owner):
            self.entered.append(owner)
            await self._go.acquire()

    async def let_go(self, count: int = 1) -> None:
        for _ in range(count):
            self._go.release()
            await settle()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_owners_alternate_however_many_each_has_waiting() -> None:
    stage = Stage(FairSemaphore(1))
    tasks = [asyncio.create_task(stage.visit(owner)) for owner in "bbbbbb"]
    await settle()
    tasks += [asyncio.create_task(stage.visit(owner)) for owner in "aac"]
    await settle()
    assert stage.entered == ["b"]
    await stage.let_go(8)
    assert "".join(stage.entered) == "bbacbabbb"
    await stage.let_go()
    await asyncio.gather(*tasks)


async def test_one_owner_leaves_a_place_for_others() -> None:
    stage = Stage(FairSemaphore(2, each=1))
    tasks = [asyncio.create_task(stage.visit("b")) for _ in range(3)]
    await settle()
    assert stage.entered == ["b"]
    tasks.append(asyncio.create_task(stage.visit("a")))
    await settle()
    assert stage.entered == ["b", "a"]
    await stage.let_go(4)
    await asyncio.gather(*tasks)


async def test_who_gives_up_waiting_takes_no_place() -> None:
    turns = FairSemaphore(1)
    stage = Stage(turns)
    first = asyncio.create_task(stage.visit("a"))
    await settle()
    second, third = asyncio.create_task(stage.visit("b")), asyncio.create_task(stage.visit("c"))
    await settle()
    await end(second)
    await stage.let_go()
    assert stage.entered == ["a", "c"]
    await stage.let_go()
    await asyncio.gather(first, third)
    async with asyncio.timeout(5), turns.turn("b"):
        pass


@pytest.mark.parametrize("after", range(4))
async def test_a_place_is_never_lost_to_a_cancelation(after: int) -> None:
    turns = FairSemaphore(1)
    stage = Stage(turns)
    first = asyncio.create_task(stage.visit("a"))
    await settle()
    second = asyncio.create_task(stage.visit("b"))
    await settle()
    stage._go.release()
    for _ in range(after):
        await asyncio.sleep(0)
    await end(second)
    await end(first)
    async with asyncio.timeout(5), turns.turn("c"):
        pass
