"""End a process on SIGTERM while it is still starting."""

from __future__ import annotations

import os
import signal
from types import FrameType


def end_at_sigterm() -> None:
    """Let SIGTERM end this process at once, with status 143, until somebody handles it who has something to
    finish. To be called before anything slow is imported.

    The kernel would do the same, but not to the first process of a container: what that one has no handler
    for is lost, and whoever stops it waits until they may kill it.
    """
    signal.signal(signal.SIGTERM, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    os._exit(128 + number)  # nothing else ends a thread that loads a model
