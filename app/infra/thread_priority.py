"""Lower the priority of compute threads so that the API on the same machine stays responsive.

On one machine the threads of a worker on CPUs hold every core, and whoever answers a request waits for one of
them. With a higher niceness they give way at once, and still get everything that nobody else wants. It is the
computing threads alone that yield: the same process holds database locks and sends signs of life, and those
who wait for these would else wait for everybody.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress


def give_way(niceness: int, thread: int | None = None) -> None:
    """Raise the niceness of a thread (its native id; default: the calling one), and of all threads that it
    starts from now on.

    On Linux they are batch work too (SCHED_BATCH): whoever wakes up goes first, which niceness alone does not
    bring about. Only Linux has threads of different niceness; elsewhere the whole process gives way. A thread
    that is nicer already stays so; 0 changes nothing.
    """
    if niceness <= 0:
        return
    if sys.platform == "linux":
        thread = threading.get_native_id() if thread is None else thread
        with suppress(OSError):  # some sandboxes refuse it: niceness alone gives way then
            if os.sched_getscheduler(thread) == os.SCHED_OTHER:
                os.sched_setscheduler(thread, os.SCHED_BATCH, os.sched_param(0))
        if os.getpriority(os.PRIO_PROCESS, thread) < niceness:
            os.setpriority(os.PRIO_PROCESS, thread, niceness)
    elif sys.platform != "win32":
        with suppress(OSError):
            os.nice(max(0, niceness - os.nice(0)))
