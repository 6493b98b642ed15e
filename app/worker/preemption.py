"""Short runs in the midst of a long one: a photo in a finished style does not wait for a style being learned.

There is one compute thread, and the model is not to be called from two. So the long run itself gives way,
between two of its steps: what has arrived meanwhile is computed there, in its thread, and then it goes on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Lock

AT_ONCE = 2
"""Short runs between two steps: beside any number of photos, a style is learned step by step."""


class Preemption:
    """Where short runs wait for the long one that goes on. ``begin`` and ``offer``: in any thread.

    ``begin`` comes before the long run is given to the compute thread, and ``during`` is around it there:
    what is offered between the two is called, too.
    """

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._lock = Lock()
        self._long = 0  # runs that have begun and not ended
        self._waiting: deque[tuple[Future[None], Callable[[], None]]] = deque()

    def begin(self) -> None:
        """A long run is about to be given to the compute thread."""
        with self._lock:
            self._long += 1

    def offer(self, run: Callable[[], None]) -> Future[None] | None:
        """Have ``run`` called in the midst of the long run that goes on. None: there is none."""
        with self._lock:
            if not self._long:
                return None
            done: Future[None] = Future()
            self._waiting.append((done, run))
            return done

    def give_way(self) -> None:
        """In the compute thread, between two steps of the long run: call some of what waits."""
        for _ in range(self._at_once):
            if not self._call_next():
                return

    @contextmanager
    def during(self) -> Iterator[None]:
        """Around a long run that was begun. What still waits at its end is called then."""
        try:
            yield
        finally:
            while self._call_next(end=True):
                pass

    def _call_next(self, *, end: bool = False) -> bool:
        with self._lock:
            if not self._waiting:
                if end:
                    self._long -= 1  # from now on nothing can be offered that nobody would call
                return False
            done, run = self._waiting.popleft()
        if done.set_running_or_notify_cancel():
            try:
                run()
            except BaseException as error:
                done.set_exception(error)
            else:
                done.set_result(None)
        return True
