"""Choose which lane of the queue to look at first."""

from __future__ import annotations

from collections.abc import Sequence


class PullOrder:
    """Interactive kinds first, without starving the others.

    Of ``every`` jobs, the last is taken from the kind that was served least recently; the others follow
    the priority. A kind that always has work thus gets at least one job in ``every * len(kinds)``.
    """

    def __init__(self, kinds: Sequence[str], *, every: int = 4) -> None:
        self._priority = list(kinds)
        self._least_recent = list(reversed(kinds))
        self._every = every
        self._served = 0

    def next(self) -> list[str]:
        """The kinds in the order in which to look for the next job."""
        fair = self._served % self._every == self._every - 1
        return list(self._least_recent if fair else self._priority)

    def served(self, kind: str) -> None:
        """Record that a job of ``kind`` was taken."""
        self._served += 1
        self._least_recent.remove(kind)
        self._least_recent.append(kind)
