"""End child processes with their parent, however the parent dies.

``kill -9`` of the supervisor gives it no chance to stop anything. On Linux the kernel does it instead:
``PR_SET_PDEATHSIG`` delivers SIGKILL to the child when its parent is gone, and survives ``execve``.
Elsewhere a Python child watches its parent's id; another program (nats-server) is found and stopped by
the next start through its pid file.

Run as a script (``python leash.py PARENT_PID PROGRAM ARGS...``) this module puts the leash on and then
becomes PROGRAM. That avoids ``preexec_fn``, which is not safe in a process with threads. The script
imports nothing of the project, so it starts in milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time

PARENT_VARIABLE = "FEWSTROKE_PARENT_PID"
"""Environment variable that tells a Python child whose death it must not outlive."""

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_POLL_SECONDS = 0.5


def die_with_parent(parent_pid: int) -> None:
    """Arrange for this process to be killed when ``parent_pid``, its parent, ends.

    Ends this process at once when the parent is already gone (it died between fork and this call).
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    else:
        threading.Thread(target=_watch, args=(parent_pid,), name="leash", daemon=True).start()
    if os.getppid() != parent_pid:
        os._exit(1)


def obey_leash() -> None:
    """Put the leash on when this process was started as somebody's child (``PARENT_VARIABLE``)."""
    if parent := os.environ.pop(PARENT_VARIABLE, None):
        die_with_parent(int(parent))


def leashed(program: str, *args: str) -> list[str]:
    """The command line that runs ``program`` on this process's leash."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), program, *args]


def _watch(parent_pid: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(_POLL_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    if sys.platform == "linux":
        die_with_parent(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])
