"""Requests a minute: one bucket for all replicas."""

from __future__ import annotations

import asyncio

import pytest

from app.auth.rate_limit import RateLimiter, Standing
from app.errors import RateLimitedError
from app.infra.db import Sessions


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


async def allowed(rates: RateLimiter, key: str, asked: int, quota: int) -> int:
    count = 0
    for _ in range(asked):
        try:
            await rates.spend(key, quota)
        except RateLimitedError:
            continue
        count += 1
    return count


async def test_replicas_share_the_bucket(sessions: Sessions) -> None:
    clock = Clock()
    one, two = RateLimiter(sessions, now=clock), RateLimiter(sessions, now=clock)
    passed = await allowed(one, "key_a", 30, 40) + await allowed(two, "key_a", 30, 40)
    assert passed == 40
    assert await allowed(two, "key_b", 5, 40) == 5, "another key has its own"
    clock.now += 15  # a quarter of the window
    passed = await allowed(one, "key_a", 15, 40) + await allowed(two, "key_a", 15, 40)
    assert passed == 10


async def test_the_refusal_says_when_to_come_again(sessions: Sessions) -> None:
    clock = Clock()
    rates = RateLimiter(sessions, now=clock)
    standing = await rates.spend("key_a", 4)
    assert (standing.quota, standing.remaining) == (4, 3)
    assert standing.headers() == {"RateLimit-Policy": '"key";q=4;w=60', "RateLimit": '"key";r=3;t=15'}
    assert await allowed(rates, "key_a", 9, 4) == 3
    with pytest.raises(RateLimitedError) as refused:
        await rates.spend("key_a", 4)
    assert refused.value.headers["RateLimit"] == '"key";r=0;t=60'
    wait = int(refused.value.headers["Retry-After"])
    assert wait == 15
    clock.now += wait
    assert await allowed(rates, "key_a", 2, 4) == 1


async def test_an_idle_key_gets_no_more_than_a_bucket(sessions: Sessions) -> None:
    clock = Clock()
    rates = RateLimiter(sessions, now=clock)
    await rates.spend("key_a", 100)
    clock.now += 3600
    assert await allowed(rates, "key_a", 150, 100) == 100


async def test_a_clock_that_jumps_ahead_and_back_locks_nobody_out(sessions: Sessions) -> None:
    clock = Clock()
    one, two = RateLimiter(sessions, now=clock), RateLimiter(sessions, now=clock)
    clock.now += 3 * 3600
    assert await allowed(one, "key_a", 50, 40) == 40
    clock.now -= 3 * 3600
    assert await allowed(one, "key_a", 30, 40) == 30
    assert await allowed(two, "key_a", 30, 40) == 10, "and the bucket holds what it holds"


@pytest.fixture
def writes(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """One for each transaction that writes."""
    begun: list[object] = []
    begin = sessions.begin

    def counted() -> object:
        begun.append(None)
        return begin()

    monkeypatch.setattr(sessions, "begin", counted)
    return begun


async def test_a_flood_of_refused_requests_writes_once_a_second(
    sessions: Sessions, writes: list[object]
) -> None:
    clock = Clock()
    rates = RateLimiter(sessions, now=clock)
    assert await allowed(rates, "key_a", 500, 480) == 480
    await rates.close()
    writes.clear()
    passed = 0
    for _ in range(24):  # 3 s, in which as many requests become free
        clock.now += 0.125
        passed += await allowed(rates, "key_a", 20, 480)
        await rates.close()
    assert passed == 24, "the rate is what it is"
    assert len(writes) <= 6, "one that takes a second's requests, and one that finds none"


async def test_requests_that_come_together_take_one_share_for_all(
    sessions: Sessions, writes: list[object]
) -> None:
    rates = RateLimiter(sessions, now=Clock())
    await asyncio.gather(*(rates.spend("key_a", 2000) for _ in range(50)))  # a share: 100
    assert len(writes) == 1
    await asyncio.gather(*(rates.spend("key_a", 2000) for _ in range(30)))  # a quarter of it is left
    await rates.close()
    assert len(writes) == 2
    standing = await rates.spend("key_a", 2000)
    assert standing.remaining == 2000 - 81


async def test_what_is_taken_beside_a_request_adds_nothing_to_the_bucket(sessions: Sessions) -> None:
    clock = Clock()
    rates = RateLimiter(sessions, now=clock)
    passed = 0
    for _ in range(60):  # 59 minutes of one request a minute's two thirds, then a rush
        passed += await allowed(rates, "key_a", 1, 100)
        await rates.close()
        clock.now += 45
    assert passed == 60
    assert await allowed(rates, "key_a", 250, 100) <= 105  # the bucket, and a share that was held


async def test_a_request_that_comes_while_a_share_is_handed_over_holds_up_nobody(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came after the share was taken and before that was noted, with a bucket that was empty and no longer
    is: such a request asked the event loop for the same share again and again, and nobody else was served."""
    clock = Clock()
    rates = RateLimiter(sessions, now=clock)
    assert await allowed(rates, "key_a", 4, 4) == 4
    late: list[asyncio.Task[object]] = []
    asked = 0
    take, taken = rates._take, rates._taken

    async def take_slowly(key_id: str, quota: int, now: float) -> object:
        lease = await take(key_id, quota, now)
        if not late:
            clock.now += 15  # the line of the writers was long: a request is free again
            late.append(asyncio.create_task(rates.spend(key_id, quota)))  # its turn is the next one
        return lease

    def counted(key_id: str, quota: int, now: float) -> asyncio.Task[None]:
        nonlocal asked
        asked += 1
        assert asked < 100, "the same share is asked for without end"
        return taken(key_id, quota, now)

    monkeypatch.setattr(rates, "_take", take_slowly)
    monkeypatch.setattr(rates, "_taken", counted)
    with pytest.raises(RateLimitedError):
        await rates.spend("key_a", 4)
    standing = await late[0]
    assert standing == Standing(4, 0, 60)
