"""Draws ahead in threads, so that an accelerator does not wait for crops."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefetch(Generic[T]):
    """Calls ``draw(rng)`` ahead of time and returns the results in order.

    Every draw gets a generator of its own, so the sequence does not depend on the threads. Pillow gives up
    the interpreter lock while it decodes and resizes. Without workers draws are made when asked for.
    """

    def __init__(
        self, draw: Callable[[random.Random], T], rng: random.Random, *, workers: int = 0, ahead: int = 64
    ) -> None:
        self.draw, self.rng, self.ahead = draw, rng, ahead
        self.pool = ThreadPoolExecutor(workers, thread_name_prefix="crops") if workers else None
        self.waiting: deque[Future[T]] = deque()

    def __call__(self) -> T:
        if self.pool is None:
            return self.draw(self.rng)
        while len(self.waiting) < self.ahead:
            self.waiting.append(self.pool.submit(self.draw, random.Random(self.rng.randrange(2**63))))
        return self.waiting.popleft().result()

    def close(self) -> None:
        """Drop what was drawn ahead and end the threads."""
        if self.pool is not None:
            self.pool.shutdown(wait=False, cancel_futures=True)
