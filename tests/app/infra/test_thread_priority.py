"""Threads that compute give way; the others of their process do not."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.infra.thread_priority import give_way

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux has niceness by thread"),
]


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_a_thread_and_those_that_it_starts_give_way_and_no_others():
    before = niceness()
    asked = min(before + 3, 19)

    def compute() -> tuple[int, int]:
        give_way(asked)
        with ThreadPoolExecutor(1) as helpers:
            return niceness(), helpers.submit(niceness).result()

    with ThreadPoolExecutor(1) as computing:
        assert computing.submit(compute).result() == (asked, asked)
    assert niceness() == before


def test_who_gives_way_already_keeps_doing_so():
    def compute() -> int:
        give_way(19)
        give_way(10)
        give_way(0)
        return niceness()

    with ThreadPoolExecutor(1) as computing:
        assert computing.submit(compute).result() == 19


def test_a_thread_that_gives_way_is_batch_work_and_who_starts_it_is_not():
    def in_a_thread(niceness: int) -> int:
        with ThreadPoolExecutor(1) as threads:
            threads.submit(give_way, niceness).result()
            return threads.submit(os.sched_getscheduler, 0).result()

    assert in_a_thread(1) == os.SCHED_BATCH
    assert in_a_thread(0) == os.SCHED_OTHER
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_a_thread_can_be_made_to_give_way():
    begun, ended = threading.Event(), threading.Event()
    found: list[int] = []

    def compute() -> None:
        begun.set()
        ended.wait(30)
        found.append(niceness())

    thread = threading.Thread(target=compute)
    thread.start()
    assert begun.wait(30)
    give_way(niceness() + 2, thread.native_id)
    ended.set()
    thread.join()
    assert found == [niceness() + 2]
