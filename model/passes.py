"""Sizes of renders, and which of them go through the network together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

Size = tuple[int, int]  # width, height
LARGEST_STROKES = 16.0  # times the network's own: the most that a rendering may ask for


def fitting(photo: Size, size: int | None, longest: int) -> Size:
    """The photo's size with the longer side at ``size``, at most ``longest``; never larger than it is."""
    side = min(size or longest, longest, max(photo))
    if side == max(photo):
        return photo
    scale = side / max(photo)
    return max(1, round(photo[0] * scale)), max(1, round(photo[1] * scale))


def passes(sizes: Sequence[Size], most: int, pixels: int) -> list[list[int]]:
    """Groups of equal sizes, by position: at most ``most`` in one, and ``pixels`` unless it is one alone."""
    equal: dict[Size, list[int]] = defaultdict(list)
    for position, size in enumerate(sizes):
        equal[size].append(position)
    found = []
    for (width, height), members in equal.items():
        count = max(1, min(most, pixels // (width * height)))
        found += [members[at : at + count] for at in range(0, len(members), count)]
    return found
