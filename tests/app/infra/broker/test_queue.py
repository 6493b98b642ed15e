"""The queue: durable, once each, given to one worker at a time."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from app.infra.broker import Broker, BrokerUnavailableError, EmbeddedServer
from tests.support.waiting import eventually

NOW = 0.0


async def drain(broker: Broker, *kinds: str) -> list[str]:
    found = []
    while (delivery := await broker.next_job(kinds, timeout=0.2)) is not None:  # see ``_waits``
        found.append(delivery.job_id)
        await delivery.ack()
    return found


async def _waits(broker: Broker, lane: str) -> bool:
    """The server acknowledges a message a moment before the lane's consumer knows of it."""
    return bool((await broker._js.consumer_info("JOBS", lane)).num_pending)


async def test_jobs_of_a_kind_come_in_order_and_once(broker):
    for number in range(5):
        await broker.publish_job("adapt", f"job_{number}")
    assert await drain(broker, "adapt") == [f"job_{number}" for number in range(5)]
    assert await broker.next_job(["adapt"], timeout=NOW) is None


async def test_the_first_kind_that_has_a_job_wins(broker):
    await broker.publish_job("adapt", "job_slow")
    await broker.publish_job("stylize", "job_quick")
    await eventually(lambda: _waits(broker, "stylize"))
    assert await drain(broker, "stylize", "stylize_once", "adapt") == ["job_quick", "job_slow"]


async def test_a_kind_that_was_not_asked_for_stays(broker):
    await broker.publish_job("adapt", "job_1")
    assert await drain(broker, "stylize", "stylize_once") == []
    assert await drain(broker, "adapt") == ["job_1"]


async def test_publishing_twice_counts_once_but_a_new_generation_counts(broker):
    await broker.publish_job("adapt", "job_1")
    await broker.publish_job("adapt", "job_1")
    assert await drain(broker, "adapt") == ["job_1"]
    await broker.publish_job("adapt", "job_1.1")
    assert await drain(broker, "adapt") == ["job_1"]


async def test_an_unknown_kind_is_refused(broker):
    with pytest.raises(ValueError, match="unknown lane"):
        await broker.publish_job("paint", "job_1")


async def test_a_waiting_worker_is_woken_by_a_new_job(brokers):
    worker, api = await brokers.connect(), await brokers.connect()
    waiting = asyncio.create_task(worker.next_job(["stylize", "adapt"], timeout=30))
    await asyncio.sleep(0)
    await api.publish_job("adapt", "job_1")
    delivery = await waiting
    assert (delivery.job_id, delivery.kind, delivery.count) == ("job_1", "adapt", 1)


async def test_two_workers_never_get_the_same_job(brokers):
    first, second = await brokers.connect(), await brokers.connect()
    for number in range(40):
        await first.publish_job("stylize", f"job_{number}")
    mine, theirs = await asyncio.gather(drain(first, "stylize"), drain(second, "stylize"))
    assert sorted(mine + theirs) == sorted(f"job_{number}" for number in range(40))


async def test_a_job_that_was_given_back_goes_to_another_worker(brokers):
    first, second = await brokers.connect(), await brokers.connect()
    await first.publish_job("adapt", "job_1")
    delivery = await first.next_job(["adapt"], timeout=5)
    assert delivery is not None
    await delivery.nak()
    again = await second.next_job(["adapt"], timeout=5)
    assert again is not None
    assert (again.job_id, again.count) == ("job_1", 2)


async def test_a_job_is_taken_from_a_silent_worker_but_not_from_one_that_speaks(brokers):
    first, second = await brokers.connect(), await brokers.connect()
    await first.publish_job("adapt", "job_silent")
    await first.publish_job("adapt", "job_alive")
    silent = await first.next_job(["adapt"], timeout=5)
    alive = await first.next_job(["adapt"], timeout=5)
    assert silent is not None
    assert alive is not None

    async def speak() -> None:
        while True:
            await alive.in_progress()
            await asyncio.sleep(1)

    speaking = asyncio.create_task(speak())
    try:
        taken = await second.next_job(["adapt"], timeout=15)
        assert taken is not None
        assert (taken.job_id, taken.count) == ("job_silent", 2)
        await taken.ack()
        # Both were taken at the same time: this one would have come back by now.
        assert await second.next_job(["adapt"], timeout=2) is None
    finally:
        speaking.cancel()


async def test_a_killed_broker_loses_no_job_and_clients_come_back(servers, brokers):
    api, worker = await brokers.connect(), await brokers.connect()
    for number in range(3):
        await api.publish_job("adapt", f"job_{number}")
    held = await worker.next_job(["adapt"], timeout=5)
    assert held is not None
    before = servers.address

    os.kill(servers.pid, signal.SIGKILL)
    await servers.wait()
    await servers.start()

    assert (servers.url, servers.token) == (before.url, before.token)
    assert servers.pid != before.pid
    seen: set[str] = set()
    async with asyncio.timeout(20):
        while len(seen) < 3:
            try:
                delivery = await worker.next_job(["adapt"], timeout=1)
            except BrokerUnavailableError:
                continue  # still reconnecting
            if delivery is not None:
                seen.add(delivery.job_id)
                await delivery.ack()
    assert seen == {"job_0", "job_1", "job_2"}


async def test_a_broker_that_is_away_is_an_error_with_a_sentence(servers, broker):
    await servers.stop()
    with pytest.raises(BrokerUnavailableError, match=r"jobs\.adapt was not published"):
        await broker.publish_job("adapt", "job_1")
    with pytest.raises(BrokerUnavailableError, match="no broker answers"):
        await Broker.connect(servers.url, token=servers.token, within=0.5)


async def test_copies_need_a_cluster(server: EmbeddedServer):
    with pytest.raises(
        BrokerUnavailableError, match=r"answers.*FEWSTROKE_NATS_REPLICAS=3.*cluster"
    ) as caught:
        await Broker.connect(server.url, token=server.token, replicas=3)
    assert "does it run" not in str(caught.value)


async def test_the_token_is_asked_for(server: EmbeddedServer):
    with pytest.raises(BrokerUnavailableError, match="refuses the token"):
        await Broker.connect(server.url, token="wrong")
    with pytest.raises(BrokerUnavailableError, match="refuses the token"):
        await Broker.connect(server.url)
