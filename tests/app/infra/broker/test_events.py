"""Events: in order, resumable, and over after a terminal state."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

from app.infra.broker import BrokerUnavailableError, Event
from tests.support.waiting import INTERVAL, eventually


async def publish(broker, job_id: str, steps: int, *, state: str | None = None) -> list[int]:
    events: list[tuple[str, dict[str, Any]]] = [("progress", {"step": step}) for step in range(steps)]
    if state is not None:
        events.append(("state", {"state": state}))
    return [await _insist(broker, job_id, event, data) for event, data in events]


async def _insist(broker: Any, job_id: str, event: str, data: dict[str, Any]) -> int:
    """A cluster that has just lost the leader of a stream takes, and stores, nothing for some seconds."""
    async with asyncio.timeout(30):
        while True:
            try:
                return int(await broker.publish_event(job_id, event, data))
            except BrokerUnavailableError as error:
                if "no response from stream" not in str(error):
                    raise
                await asyncio.sleep(INTERVAL)


async def test_events_of_one_job_come_in_order_and_end_after_the_terminal_state(broker):
    await publish(broker, "job_other", 2, state="failed")
    places = await publish(broker, "job_1", 3, state="succeeded")
    await publish(broker, "job_1", 1)  # nothing that comes after the end is shown
    events = [event async for event in broker.events("job_1")]
    assert [event.seq for event in events] == places
    assert events[0] == Event(places[0], "progress", {"step": 0})
    assert events[-1] == Event(places[-1], "state", {"state": "succeeded"})


async def test_states_on_the_way_do_not_end_the_stream(broker):
    for state in ("queued", "running", "canceling", "canceled"):
        await broker.publish_event("job_1", "state", {"state": state})
    states = [event.data["state"] async for event in broker.events("job_1")]
    assert states == ["queued", "running", "canceling", "canceled"]


async def test_reading_resumes_after_a_sequence_number(broker):
    places = await publish(broker, "job_1", 4, state="succeeded")
    events = [event.seq async for event in broker.events("job_1", after=places[1])]
    assert events == places[2:]


async def test_resuming_after_the_end_ends_at_once(broker):
    places = await publish(broker, "job_1", 1, state="succeeded")
    assert [event async for event in broker.events("job_1", after=places[-1])] == []


async def test_a_reader_hears_events_as_they_come(brokers):
    reader, writer = await brokers.connect(), await brokers.connect()
    stream = reader.events("job_1")
    first = asyncio.create_task(anext(stream))
    places = await publish(writer, "job_1", 1)
    assert (await first).seq == places[0]
    second = asyncio.create_task(anext(stream))
    place = await writer.publish_event("job_1", "state", {"state": "failed"})
    assert (await second).seq == place
    assert [event async for event in stream] == []


async def test_a_terminal_state_is_stored_once(broker):
    first = await broker.publish_event("job_1", "state", {"state": "succeeded"})
    assert await broker.publish_event("job_1", "state", {"state": "succeeded"}) == first


async def test_a_reader_lives_through_a_broker_restart(servers, brokers):
    reader, writer = await brokers.connect(), await brokers.connect()
    places = await publish(writer, "job_1", 2)
    stream = reader.events("job_1")
    assert [(await anext(stream)).seq, (await anext(stream)).seq] == places

    os.kill(servers.pid, signal.SIGKILL)
    await servers.wait()
    await servers.start()
    late = await brokers.connect()
    rest = await publish(late, "job_1", 1, state="succeeded")
    assert [event.seq async for event in stream] == rest


async def test_a_cancel_request_is_heard_by_the_watch_of_that_job_only(brokers):
    worker, api = await brokers.connect(), await brokers.connect()
    async with await worker.watch_cancel("job_1") as watch, await worker.watch_cancel("job_2") as other:
        assert not watch.requested()

        async def heard() -> bool:
            # Again until it is: servers of a cluster that were just parted do not know of the watch yet,
            # and then the worker reads the request in the ledger.
            await api.request_cancel("job_1")
            return bool(watch.requested())

        await eventually(heard)
        assert not other.requested()


async def test_the_end_of_a_job_is_heard_by_whoever_waits_for_that_job(brokers):
    api, worker = await brokers.connect(), await brokers.connect()
    watch, other = await api.watch_end("job_1", within=5), await api.watch_end("job_2", within=5)
    try:
        await publish(worker, "job_1", 2)  # progress is no end
        await worker.publish_event("job_1", "state", {"state": "running"})
        assert not watch.over.is_set()

        async def heard() -> bool:
            # Again until it is, as above; the same message is stored once.
            await worker.publish_event("job_1", "state", {"state": "succeeded"})
            return bool(watch.over.is_set())

        await eventually(heard)
        assert not other.over.is_set()
    finally:
        await watch.close()
        await other.close()


async def test_workers_are_listed_until_they_leave(broker):
    await broker.beat("worker-1", {"device": "cpu", "job": None})
    await broker.beat("worker-2", {"device": "cpu", "job": None})
    await broker.beat("worker-2", {"device": "cpu", "job": "job_1"})
    assert await broker.workers() == [
        {"worker_id": "worker-1", "device": "cpu", "job": None},
        {"worker_id": "worker-2", "device": "cpu", "job": "job_1"},
    ]
    await broker.forget("worker-1")
    assert [worker["worker_id"] for worker in await broker.workers()] == ["worker-2"]


async def test_a_killed_broker_forgets_no_event_and_gives_no_number_twice(servers, brokers):
    writer = await brokers.connect()
    places = await publish(writer, "job_1", 20)
    os.kill(servers.pid, signal.SIGKILL)  # right after the last acknowledgement
    await servers.wait()
    await servers.start()
    late = await brokers.connect()
    places += await publish(late, "job_1", 1, state="succeeded")
    assert [event.seq async for event in late.events("job_1")] == places
    assert len(set(places)) == 22
