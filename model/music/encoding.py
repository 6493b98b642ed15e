"""A score as bars of tokens, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from model.music.score import HIGHEST, LOWEST, QUARTER, Bar, Key, Meter, Note, Score, Staff
from model.music.vocabulary import (
    DENSITIES,
    POSITIONS,
    REGISTERS,
    TEMPOS,
    VOCABULARY,
    level,
)

LAYERS = 2  # rhythms at once on a staff of the piano; the voice has one
MAX_CHORD = 6  # notes of one group


@dataclass(frozen=True)
class Traits:
    """What the describing tokens say of a song; None: any."""

    minor: bool | None = None
    tempo: int | None = None  # class of TEMPOS
    density: int | None = None  # class of DENSITIES
    register: int | None = None  # class of REGISTERS

    def tokens(self) -> list[int]:
        """The four tokens before the first bar."""
        v = VOCABULARY
        values = (self.minor, self.tempo, self.density, self.register)
        starts = (v.MODE, v.TEMPO, v.DENSITY, v.REGISTER)
        return [
            start + (0 if value is None else 1 + int(value))
            for start, value in zip(starts, values, strict=True)
        ]


@dataclass(frozen=True)
class EncodedSong:
    """A song in the neutral key: its traits, and for each bar its meter and tokens.

    The tokens of a bar begin after BAR and METER: positions, groups and pitches.
    """

    traits: Traits
    meters: tuple[Meter, ...]
    bars: tuple[tuple[int, ...], ...]


def neutral_shift(key: Key) -> int:
    """Semitones from the song's key to C: between -6 and 5."""
    shift = -key.tonic % 12
    return shift - 12 if shift > 5 else shift


def traits_of(score: Score) -> Traits:
    """The traits of a whole song (in any key)."""
    quarters = max(1.0, score.ticks / QUARTER)
    shift = neutral_shift(score.key)
    mean = sum(note.pitch for note in score.notes) / max(1, len(score.notes)) + shift
    return Traits(
        minor=score.key.minor,
        tempo=level(score.tempo, TEMPOS),
        density=level(len(score.notes) / quarters, DENSITIES),
        register=level(mean, REGISTERS),
    )


def encode(score: Score) -> EncodedSong:
    """The tokens of every bar, in the neutral key; rhythms beyond two at once on a staff are cut short."""
    neutral = score.transposed(neutral_shift(score.key))
    groups = limit_layers(group_notes(neutral.notes))
    bars: list[list[int]] = [[] for _ in score.bars]
    place: dict[int, tuple[int, int]] = {}
    v = VOCABULARY
    for group in groups:
        index = score.bar_at(group.onset)
        tick = group.onset - score.bars[index].onset
        if place.get(index) != (tick, 0):
            bars[index].append(v.position_token(tick))
            place[index] = (tick, 0)
        bars[index].append(v.group_token(group.staff, group.duration))
        bars[index] += [v.pitch_token(pitch) for pitch in group.pitches]
    return EncodedSong(
        traits=traits_of(score),
        meters=tuple(VOCABULARY.meters[v.meter_token(bar.meter) - v.METER] for bar in score.bars),
        bars=tuple(tuple(bar) for bar in bars),
    )


@dataclass(frozen=True)
class Group:
    """Notes of one staff that begin and end together."""

    onset: int
    staff: Staff
    duration: int
    pitches: tuple[int, ...]  # falling

    @property
    def end(self) -> int:
        """The tick at which it is over."""
        return self.onset + self.duration


def group_notes(notes: Sequence[Note]) -> list[Group]:
    """Groups in the order of the tokens: by onset, staff, highest pitch (falling)."""
    chords: dict[tuple[int, Staff, int], list[int]] = {}
    for note in notes:
        duration = VOCABULARY.durations[VOCABULARY.group_token(note.staff, note.duration) - VOCABULARY.group
                                        - int(note.staff) * len(VOCABULARY.durations)]  # fmt: skip
        chords.setdefault((note.onset, note.staff, duration), []).append(note.pitch)
    groups = [
        Group(onset, staff, duration, tuple(sorted(set(pitches), reverse=True)[:MAX_CHORD]))
        for (onset, staff, duration), pitches in chords.items()
    ]
    return sorted(groups, key=_order)


def _order(group: Group) -> tuple[int, int, int, int]:
    return group.onset, int(group.staff), -group.pitches[0], -group.duration


def limit_layers(groups: Sequence[Group]) -> list[Group]:
    """At most two groups sound at once on a staff (one in the voice): a third ends the oldest."""
    kept: list[Group] = []
    sounding: dict[Staff, list[int]] = {staff: [] for staff in Staff}  # places in ``kept``
    v = VOCABULARY
    for group in groups:
        layers = 1 if group.staff is Staff.VOICE else LAYERS
        active = [i for i in sounding[group.staff] if kept[i].end > group.onset]
        if len(active) >= layers:
            oldest = min(active, key=lambda i: kept[i].onset)
            if kept[oldest].onset == group.onset:  # no room at all
                sounding[group.staff] = active
                continue
            room = group.onset - kept[oldest].onset
            fitting = [d for d in v.durations if d <= room]
            kept[oldest] = replace(kept[oldest], duration=fitting[-1] if fitting else v.durations[0])
            active = [i for i in active if kept[i].end > group.onset]
        if len(active) < layers:
            active.append(len(kept))
            kept.append(group)
        sounding[group.staff] = active
    return sorted(kept, key=_order)


def song_tokens(song: EncodedSong, first: int, last: int, traits: Traits, future: int = 0) -> list[int]:
    """The tokens of bars ``first`` … ``last - 1``, as the network sees them.

    Args:
        song: the whole song.
        first: its first bar in the stretch.
        last: the bar after the stretch.
        traits: what to tell of the song.
        future: so many of the bars after the stretch are told before it.
    """
    v = VOCABULARY
    tokens = traits.tokens()
    count = len(song.bars)
    if future:
        tokens.append(v.FUTURE)
        tokens += _bars(song, last, min(count, last + future))
        tokens.append(v.NOW)
    if first == 0:
        tokens.append(v.OPENING)
    tokens += _bars(song, first, last)
    if last == count:
        tokens.append(v.END)
    return tokens


def _bars(song: EncodedSong, first: int, last: int) -> list[int]:
    v = VOCABULARY
    tokens: list[int] = []
    meter: Meter | None = None
    for index in range(first, last):
        tokens.append(v.bar_token(len(song.bars) - index))
        if song.meters[index] != meter:
            meter = song.meters[index]
            tokens.append(v.meter_token(meter))
        tokens += song.bars[index]
    return tokens


def decode(
    bars: Sequence[Sequence[int]], meters: Sequence[Meter], key: Key, tempo: float, title: str = ""
) -> Score:
    """The score of bars of tokens, moved from the neutral key to ``key``.

    A note that would leave the piano is moved by an octave.
    """
    v = VOCABULARY
    notes: list[Note] = []
    rows: list[Bar] = []
    onset = 0
    for tokens, meter in zip(bars, meters, strict=True):
        rows.append(Bar(onset, meter))
        tick, staff, duration = 0, Staff.RIGHT, QUARTER
        for token in tokens:
            if v.is_position(token):
                tick = POSITIONS[token - v.position]
            elif v.is_group(token):
                staff, duration = v.group_of(token)
            elif v.is_pitch(token):
                notes.append(Note(onset + tick, staff, token - v.pitch + LOWEST, duration))
        onset += meter.ticks
    notes = [replace(n, duration=min(n.duration, onset - n.onset)) for n in notes]
    score = Score(tuple(sorted(notes)), tuple(rows), Key(0, key.minor), tempo, title)
    shift = -neutral_shift(key)
    assert LOWEST <= min((n.pitch for n in notes), default=LOWEST) <= HIGHEST
    return score.transposed(shift, key)
