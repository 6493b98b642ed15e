"""How a composition ends: the last bar rests on the tonic's chord over its root, after a dominant bass.

Changes of the cadence belong here; the grammar asks it where it concerns the last two bars.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from model.music.grammar_state import Plan, State
from model.music.score import QUARTER, Staff

DOMINANT = frozenset({7, 11, 2, 5})  # degrees under which the bar before the last ends
ROOT = frozenset({0})


class Cadence:
    """The cadence of one plan; without one (``Plan.cadence``) everything is allowed."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._last = len(plan.meters) - 1
        self._last_onset = [0, *accumulate(meter.ticks for meter in plan.meters)][-2]
        self._tonic = frozenset({0, 3 if plan.minor else 4, 7})

    def near(self, bar: int) -> bool:
        """The bar is one of the last two, and there is a cadence."""
        return self._plan.cadence and bar >= self._last - 1

    def in_last_bar(self, state: State) -> bool:
        """The bar is the last one, and there is a cadence."""
        return self._plan.cadence and state.bar == self._last

    def complete(self, state: State) -> bool:
        """The bar may end: of a last bar, the bass has come, or comes with the group being written."""
        if not self.in_last_bar(state):
            return True
        return state.bass is not None or (state.staff is Staff.LEFT and self.is_bass(state.chord))

    def is_bass(self, chord: Sequence[int]) -> bool:
        """The lowest note of a chord is the key's root."""
        return bool(chord) and (chord[-1] - self._plan.shift) % 12 == 0

    def bass(self, state: State, *, pending: bool) -> int | None:
        """The root under the last bar, also that of a group which is complete with what comes next."""
        if state.bass is None and pending and state.staff is Staff.LEFT and self.is_bass(state.chord):
            return state.chord[-1]
        return state.bass

    def may_begin(self, state: State, place: int) -> bool:
        """A group may begin at ``place``: the last bar begins on its first beat, and comes to rest."""
        meter = self._plan.meters[state.bar]
        return not self.in_last_bar(state) or not (
            place % meter.beat or 2 * place > meter.ticks or (state.place < 0 and place)
        )

    def may_end(self, state: State, staff: Staff, end: int) -> bool:
        """A note may end there: none is held into the last bar, where all end on beats."""
        if not self._plan.cadence:
            return True
        if state.bar < self._last:
            return end <= self._last_onset
        if (end - self._last_onset) % self._plan.meters[-1].beat:
            return False
        return staff is not Staff.LEFT or state.bass is not None or end - self._last_onset >= QUARTER

    def degrees(self, state: State, staff: Staff, duration: int, *, pending: bool) -> frozenset[int] | None:
        """The degrees of the scale that are left for a note; None: all."""
        if self.in_last_bar(state):
            rooted = self.bass(state, pending=pending) is not None
            return self._tonic if rooted or staff is not Staff.LEFT else ROOT
        if self.near(state.bar) and staff is Staff.LEFT:
            meter = self._plan.meters[state.bar]
            if state.place >= meter.ticks - meter.beat or state.place + duration >= meter.ticks:
                return DOMINANT
        return None
