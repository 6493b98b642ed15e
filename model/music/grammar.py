"""What may come next: the rules by which every sample is a score that can be engraved, sung and played.

Bars are full (rests fill what no note does) and have the asked meter; a note begins and ends where its beat
is divided in one way, by two or by three; each hand plays two rhythms at most, within its reach and range;
the voice sings one note at a time; the piece has the asked bars, and may have to end on the tonic after a
dominant.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from model.music.cadence import Cadence
from model.music.encoding import LAYERS, MAX_CHORD
from model.music.grammar_state import Plan, State
from model.music.score import HIGHEST, LOWEST, QUARTER, Staff
from model.music.vocabulary import COUNTDOWN, VOCABULARY

RANGES = {Staff.VOICE: (53, 81), Staff.RIGHT: (45, 98), Staff.LEFT: (26, 69)}  # as sounding
VOICE_SPAN = 19  # semitones between the lowest and the highest note of a song
VOICE_LEAP = 12
REACH = 16  # semitones that a hand spans
_HALF = QUARTER // 2


class Grammar:
    """The rules for one plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._onsets = [0, *accumulate(meter.ticks for meter in plan.meters)]
        self.total = self._onsets[-1]
        self.cadence = Cadence(plan)

    def allowed(self, state: State) -> NDArray[np.bool_]:
        """Which tokens may follow, (tokens,); at least one does."""
        v = VOCABULARY
        mask = np.zeros(v.size, np.bool_)
        if state.phase in ("bar", "end"):
            self._allow_bar(mask, state)
        elif state.phase == "meter":
            mask[v.meter_token(self.plan.meters[state.bar])] = True
        elif state.phase == "bar_begun":
            self._allow_positions(mask, state)
        elif state.phase == "position":
            self._allow_groups(mask, state)
        elif state.phase == "group":
            self._allow_pitches(mask, state)
        else:
            self._allow_pitches(mask, state)
            self._allow_groups(mask, state)
            self._allow_positions(mask, state)
            if self.cadence.complete(state):
                self._allow_bar(mask, state)
        if state.phase == "bar_begun" and not mask.any():  # long notes fill the bar
            self._allow_bar(mask, state)
        return mask

    def finishes(self, state: State, token: int) -> bool:
        """``token`` ends the last bar of the plan."""
        v = VOCABULARY
        return state.bar + 1 == len(self.plan.meters) and (token == v.END or v.is_bar(token))

    def advance(self, state: State, token: int) -> None:
        """Take note of ``token``, which must be allowed."""
        v = VOCABULARY
        if v.is_bar(token) or token == v.END:
            self._close_place(state)
            if token == v.END:
                state.phase = "end"
                return
            if state.bar >= 0:
                state.onset += self.plan.meters[state.bar].ticks
            state.bar += 1
            state.place = -1
            meters = self.plan.meters
            changed = state.bar == 0 or meters[state.bar] != meters[state.bar - 1]
            state.phase = "meter" if changed else "bar_begun"
        elif v.is_meter(token):
            state.phase = "bar_begun"
        elif v.is_position(token):
            self._close_place(state)
            state.place = v.positions[token - v.position]
            state.phase = "position"
        elif v.is_group(token):
            self._close_group(state)
            state.staff, state.duration = v.group_of(token)
            state.phase = "group"
            at = state.onset + state.place
            self._mark(state, state.staff, at)
            self._mark(state, state.staff, at + state.duration)
        else:
            state.chord.append(self._sounding(token))
            state.phase = "pitch"

    def _sounding(self, token: int) -> int:
        return token - VOCABULARY.pitch + LOWEST + self.plan.shift

    def _allow_bar(self, mask: NDArray[np.bool_], state: State) -> None:
        v = VOCABULARY
        following = state.bar + 1
        if following == len(self.plan.meters):
            mask[v.END if not self.plan.to_end else v.BAR] = True
            return
        remaining = len(self.plan.meters) - following + self.plan.to_end
        mask[v.bar_token(min(remaining, COUNTDOWN + 1))] = True

    # Positions

    def _allow_positions(self, mask: NDArray[np.bool_], state: State) -> None:
        v = VOCABULARY
        meter = self.plan.meters[state.bar]
        if self.cadence.in_last_bar(state) and state.place >= 0 and not self.cadence.complete(state):
            return  # the bass comes first
        for i, place in enumerate(v.positions):
            if place <= state.place or place >= meter.ticks:
                continue
            if not self.cadence.may_begin(state, place):
                continue
            if any(self._staff_free(state, staff, place) for staff in self._staves()):
                mask[v.position + i] = True

    def _staves(self) -> list[Staff]:
        return [staff for staff in Staff if self.plan.voice or staff is not Staff.VOICE]

    def _staff_free(self, state: State, staff: Staff, place: int) -> bool:
        """As ``_staff_open``, and near a cadence there are notes for it."""
        if not self._staff_open(state, staff, place):
            return False
        if not self.cadence.near(state.bar):
            return True
        ahead = state.copy()
        self._close_place(ahead)
        ahead.place = place
        return any(
            self._candidates(ahead, staff, duration, new=True)
            for duration in (self.plan.meters[state.bar].beat, self.plan.meters[state.bar].ticks - place)
            if self._may_end(ahead, staff, state.onset + place + duration)
        )

    def _staff_open(self, state: State, staff: Staff, place: int) -> bool:
        """A group of ``staff`` may begin at ``place`` of this bar."""
        at = state.onset + place
        layers = 1 if staff is Staff.VOICE else LAYERS
        ends = [end for end in self._ends_with_current(state, staff) if end > at]
        return len(ends) < layers and self._divides(state, staff, at)

    def _ends_with_current(self, state: State, staff: Staff) -> list[int]:
        ends = state.ends[staff]
        if state.staff is staff and state.phase == "pitch":
            ends = [*ends, state.onset + state.place + state.duration]
        return ends

    def _divides(self, state: State, staff: Staff, at: int) -> bool:
        """``at`` fits how the staff divides that beat."""
        if at % _HALF == 0:
            return True
        bar, offset = self._bar_of(at)
        kind = 3 if offset % 3 == 0 else 4
        if kind == 4 and (offset % 4 or self.plan.meters[bar].unit == 8):
            return False
        known = state.divisions.get((staff, bar, offset // QUARTER))
        return known is None or known == kind

    def _bar_of(self, at: int) -> tuple[int, int]:
        """The bar that holds a tick, and the ticks from its start."""
        bar = min(bisect_right(self._onsets, at) - 1, len(self.plan.meters) - 1)
        return bar, at - self._onsets[bar]

    def _mark(self, state: State, staff: Staff, at: int) -> None:
        if at % _HALF:
            bar, offset = self._bar_of(at)
            state.divisions[(staff, bar, offset // QUARTER)] = 3 if offset % 3 == 0 else 4

    # Groups

    def _allow_groups(self, mask: NDArray[np.bool_], state: State) -> None:
        v = VOCABULARY
        at = state.onset + state.place
        for staff in self._staves():
            if state.staff is not None and staff < state.staff:
                continue
            same = state.staff is staff
            if same and staff is Staff.VOICE:
                continue
            if not self._staff_open(state, staff, state.place):
                continue
            taken = [*state.used.get(staff, []), *([state.duration] if same else [])]
            first = v.group + int(staff) * len(v.durations)
            free: dict[bool, bool] = {}  # whether a pitch is left, by whether the note reaches the bar's end
            for i, duration in enumerate(v.durations):
                end = at + duration
                if duration in taken or not self._may_end(state, staff, end):
                    continue
                if not (self._divides(state, staff, end) and self._straight(at, duration)):
                    continue
                reaches = end >= self._onsets[state.bar + 1]
                if reaches not in free:
                    free[reaches] = bool(self._candidates(state, staff, duration, new=True))
                mask[first + i] = free[reaches]

    def _straight(self, at: int, duration: int) -> bool:
        """A note of three-part division stays inside its quarter."""
        if at % 3 == 0 and duration % 3 == 0:
            return True
        return (at % QUARTER) + duration <= QUARTER

    def _may_end(self, state: State, staff: Staff, end: int) -> bool:
        """No note outlasts the plan, or what its cadence allows."""
        return end <= self.total and self.cadence.may_end(state, staff, end)

    # Pitches

    def _allow_pitches(self, mask: NDArray[np.bool_], state: State) -> None:
        if state.staff is None:
            return
        v = VOCABULARY
        for pitch in self._candidates(state, state.staff, state.duration):
            mask[v.pitch + pitch - self.plan.shift - LOWEST] = True

    def _candidates(self, state: State, staff: Staff, duration: int, *, new: bool = False) -> list[int]:
        """Sounding pitches that may come next in the group being written, or (``new``) first in another."""
        chord = [] if new else state.chord
        if len(chord) >= (1 if staff is Staff.VOICE else MAX_CHORD):
            return []
        low, high = RANGES[staff]
        at = state.onset + state.place
        if staff is Staff.VOICE:
            if state.sung is not None and state.last_sung is not None:
                low = max(low, state.sung[1] - VOICE_SPAN, state.last_sung - VOICE_LEAP)
                high = min(high, state.sung[0] + VOICE_SPAN, state.last_sung + VOICE_LEAP)
        else:
            before = [state.tops[staff], state.lows[staff]] if staff in state.tops else []
            if new and state.staff is staff:
                before += state.chord
            if before:  # another group at this place lies below the first, within reach
                low, high = max(low, max(before) - REACH), min(high, min(before) - 1)
            if chord:
                low, high = max(low, chord[0] - REACH), min(high, chord[-1] - 1)
        if self.cadence.in_last_bar(state):  # nothing lies below the bass
            bass = self.cadence.bass(state, pending=new)
            if bass is not None:
                low = max(low, bass)
            elif staff is Staff.LEFT:
                pending = [state.chord[-1]] if new and state.chord else []
                high = min([high, *state.lows.values(), *pending])
        degrees = self.cadence.degrees(state, staff, duration, pending=new)
        low, high = max(low, LOWEST + self.plan.shift), min(high, HIGHEST + self.plan.shift)
        return [
            pitch
            for pitch in range(low, high + 1)
            if (degrees is None or (pitch - self.plan.shift) % 12 in degrees)
            and state.sounding.get((staff, pitch), 0) <= at
        ]

    # Ends of groups and places

    def _close_group(self, state: State) -> None:
        if state.staff is None or not state.chord:
            return
        staff, at = state.staff, state.onset + state.place
        end = at + state.duration
        state.ends[staff] = [one for one in state.ends[staff] if one > at] + [end]
        for pitch in state.chord:
            state.sounding[(staff, pitch)] = end
        state.tops[staff] = max(state.tops.get(staff, state.chord[0]), state.chord[0])
        state.lows[staff] = min(state.lows.get(staff, state.chord[-1]), state.chord[-1])
        state.used.setdefault(staff, []).append(state.duration)
        if staff is Staff.VOICE:
            low, high = state.sung or (state.chord[0], state.chord[0])
            state.sung = min(low, state.chord[0]), max(high, state.chord[0])
            state.last_sung = state.chord[0]
        if staff is Staff.LEFT and self.cadence.in_last_bar(state) and self.cadence.is_bass(state.chord):
            state.bass = min(state.chord[-1], state.bass or HIGHEST)
        state.chord = []

    def _close_place(self, state: State) -> None:
        self._close_group(state)
        state.staff = None
        state.tops, state.lows, state.used = {}, {}, {}
