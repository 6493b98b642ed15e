"""Limit how many event streams and waiting requests each key may have open."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import RateLimitedError


class ConcurrencyLimit:
    """``each`` of one key, in one process. Without a key nobody counts, as with requests."""

    def __init__(self, each: int) -> None:
        self._each = each
        self._taken: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def take(self, kind: str, key_id: str | None) -> Iterator[bool]:
        """A place until the end of the block; False: there is none."""
        if key_id is None:
            yield True
            return
        place = (kind, key_id)
        if self._taken[place] >= self._each:
            yield False
            return
        self._taken[place] += 1
        try:
            yield True
        finally:
            self._taken[place] -= 1
            if not self._taken[place]:
                del self._taken[place]

    def refuse(self, what: str) -> RateLimitedError:
        """The error for who finds none."""
        return RateLimitedError(
            f"The key has {self._each} {what} open, as many as it may: close some, or poll instead.",
            headers={"Retry-After": "5"},
        )
