"""Imported by every Python process that has this folder on its path: answers SIGUSR1 with what it holds.

Reports, after a collection: blocks of memory that Python objects have, what malloc has given out, what lies
free in its heaps, and the process's resident memory (MiB), as a JSON file in ``FEWSTROKE_TEST_RETAINED``.
"""

import contextlib
import ctypes
import gc
import json
import os
import signal
import sys
from pathlib import Path


class _Info(ctypes.Structure):
    """``struct mallinfo2`` of glibc 2.33 and newer; sums over all heaps."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in [
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        ]
    ]


_libc = ctypes.CDLL(None)
_libc.mallinfo2.restype = _Info


def report(*_: object) -> None:
    """Write the report; renamed into place, so that nobody reads half of it."""
    mib = 2**20
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    gc.collect()
    malloc = _libc.mallinfo2()
    found = {
        "blocks": sys.getallocatedblocks(),
        "objects": len(gc.get_objects()),
        "in_use_mib": round((malloc.uordblks + malloc.hblkhd) / mib, 1),
        "free_mib": round(malloc.fordblks / mib, 1),
        "rss_mib": round(resident / mib, 1),
    }
    path = Path(os.environ["FEWSTROKE_TEST_RETAINED"]) / f"{os.getpid()}.json"
    path.with_suffix(".part").write_text(json.dumps(found))
    path.with_suffix(".part").rename(path)


if "FEWSTROKE_TEST_RETAINED" in os.environ:
    with contextlib.suppress(ValueError):  # not the main thread
        signal.signal(signal.SIGUSR1, report)
