"""Says how large a render is, and which renders go through the network in one batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

from model.image.pyramid import Size


def fitting(photo: Size, size: int | None, longest: int) -> Size:
    """The photo's size with the longer side at ``size``, at most ``longest``; never larger than it is."""
    side = min(size or longest, longest, max(photo))
    if side == max(photo):
        return photo
    scale = side / max(photo)
    return max(1, round(photo[0] * scale)), max(1, round(photo[1] * scale))


def batches(kinds: Sequence[Hashable], areas: Sequence[int], most: int, pixels: int) -> list[list[int]]:
    """Groups of one kind, by position: at most ``most`` in one, and ``pixels`` unless it is one alone.

    ``kinds``: what goes together is equal; ``areas``: pixels of each.
    """
    equal: dict[Hashable, list[int]] = defaultdict(list)
    for position, kind in enumerate(kinds):
        equal[kind].append(position)
    found = []
    for members in equal.values():
        count = max(1, min(most, pixels // max(areas[i] for i in members)))
        found += [members[at : at + count] for at in range(0, len(members), count)]
    return found
