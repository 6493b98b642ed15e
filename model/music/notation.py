"""From notes to what is written on paper: layers that fill every bar, with rests, ties, dots, tuplets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from model.music.encoding import Group
from model.music.score import QUARTER, Bar, Key, Meter, Note, Score, Staff

NAMES = {3: "32nd", 6: "16th", 12: "eighth", 24: "quarter", 48: "half", 96: "whole"}
FLAGS = {"32nd": 3, "16th": 2, "eighth": 1}
_VALUES = {**{ticks: (name, 0) for ticks, name in NAMES.items()},
    9: ("16th", 1), 18: ("eighth", 1), 36: ("quarter", 1), 72: ("half", 1), 144: ("whole", 1)
}  # fmt: skip
_TRIPLETS = {8: ("eighth", 0), 16: ("quarter", 0)}
_SEXTUPLETS = {4: ("16th", 0), 8: ("eighth", 0), 12: ("eighth", 1), 16: ("quarter", 0)}
_STEPS = "FCGDAEB"


@dataclass
class Symbol:
    """One chord or rest as it is written, inside one bar."""

    onset: int  # ticks from the bar's start
    ticks: int
    kind: str  # such as "eighth"
    dots: int
    pitches: tuple[int, ...]  # falling; empty: a rest
    tied_from: bool = False
    tied_to: bool = False
    tuplet: tuple[int, int] | None = None  # 3 in the time of 2
    tuplet_edge: str = ""  # "start", "stop" or nothing
    beams: list[str] = field(
        default_factory=list
    )  # of level 1, 2 …: begin, continue, end, forward/backward hook
    whole_bar: bool = False  # a rest for the whole bar
    accidentals: dict[int, str] = field(default_factory=dict)  # by pitch


def layers_of(notes: Sequence[Note], staff: Staff) -> list[list[Group]]:
    """Lines of chords that do not overlap, the first with the highest notes; at most four."""
    chords: dict[tuple[int, int], list[int]] = {}
    for note in notes:
        if note.staff is staff:
            chords.setdefault((note.onset, note.duration), []).append(note.pitch)
    groups = [
        Group(onset, staff, duration, tuple(sorted(set(pitches), reverse=True)))
        for (onset, duration), pitches in chords.items()
    ]
    layers: list[list[Group]] = []
    for group in sorted(groups, key=lambda g: (g.onset, -g.pitches[0])):
        free = next((layer for layer in layers if layer[-1].end <= group.onset), None)
        if free is not None:
            free.append(group)
        elif len(layers) < 4:
            layers.append([group])
    return layers


def bars_of(score: Score, staff: Staff) -> list[list[list[Symbol]]]:
    """For every bar the staff's layers, each filled up; the first layer is always there."""
    layers = layers_of(score.notes, staff) or [[]]
    filled = [_fill(layer, score.bars) for layer in layers]
    bars = []
    for number, bar in enumerate(score.bars):
        rows = [one[number] for one in filled]
        kept = [rows[0]] + [row for row in rows[1:] if any(symbol.pitches for symbol in row)]
        for row in kept:
            _beam(row, bar.meter)
        _accidentals(kept, score.key)
        bars.append(kept)
    return bars


def _fill(layer: Sequence[Group], bars: Sequence[Bar]) -> list[list[Symbol]]:
    """The symbols of one layer, bar by bar."""
    rows: list[list[Symbol]] = []
    for bar in bars:
        parts: list[
            tuple[int, int, tuple[int, ...], bool, bool]
        ] = []  # onset, end, pitches, tied from, tied to
        at = 0
        for group in layer:
            if group.end <= bar.onset or group.onset >= bar.end:
                continue
            start, end = max(group.onset, bar.onset) - bar.onset, min(group.end, bar.end) - bar.onset
            if start > at:
                parts.append((at, start, (), False, False))
            parts.append((start, end, group.pitches, group.onset < bar.onset, group.end > bar.end))
            at = end
        if at < bar.meter.ticks:
            parts.append((at, bar.meter.ticks, (), False, False))
        if len(parts) == 1 and not parts[0][2]:
            rows.append([Symbol(0, bar.meter.ticks, "whole", 0, (), whole_bar=True)])
        else:
            rows.append(_symbols(_regular(parts), bar.meter))
    return rows


Part = tuple[int, int, tuple[int, ...], bool, bool]


def _divided_by_three(times: Sequence[int]) -> bool:
    return any(time % 12 and time % 3 for time in times)


def _regular(parts: list[Part]) -> list[Part]:
    """Beats that mix divisions by two and by three are moved to sixteenths: nobody could read them."""
    times = sorted({time for part in parts for time in part[:2]})
    new = {time: time for time in times}
    for beat in {time // QUARTER for time in times}:
        inside = [time for time in times if time // QUARTER == beat]
        mixed = _divided_by_three(inside) and any(time % 4 for time in inside)
        off = any(time % 3 and time % 4 for time in inside)
        for time in inside if mixed or off else ():
            new[time] = round(time / 6) * 6
    moved = [(new[start], new[end], pitches, a, b) for start, end, pitches, a, b in parts]
    return [part for part in moved if part[1] > part[0]]


def _symbols(parts: Sequence[Part], meter: Meter) -> list[Symbol]:
    times = [time for part in parts for time in part[:2]]
    triple = {
        beat for beat in {time // QUARTER for time in times}
        if _divided_by_three([time for time in times if time // QUARTER == beat])
    }  # fmt: skip
    symbols: list[Symbol] = []
    for start, end, pitches, tied_from, tied_to in parts:
        pieces = _pieces(start, end, meter, triple)
        for i, (onset, ticks) in enumerate(pieces):
            symbols.append(
                Symbol(
                    onset,
                    ticks,
                    *_VALUES.get(ticks, ("", 0)),
                    pitches,
                    tied_from=bool(pitches) and (tied_from if i == 0 else True),
                    tied_to=bool(pitches) and (tied_to if i == len(pieces) - 1 else True),
                )
            )
    for beat in triple:
        inside = [s for s in symbols if s.onset // QUARTER == beat]
        simple = all(s.onset % 8 == 0 and s.ticks % 8 == 0 for s in inside)
        for symbol in inside:
            table = _TRIPLETS if simple else _SEXTUPLETS
            symbol.kind, symbol.dots = table[symbol.ticks]
            symbol.tuplet = (3, 2) if simple else (6, 4)
        inside[0].tuplet_edge, inside[-1].tuplet_edge = "start", "stop"
    return symbols


def _pieces(start: int, end: int, meter: Meter, triple: set[int]) -> list[tuple[int, int]]:
    """Onsets and lengths, each of which has a note value, that show the beats."""
    pieces = []
    at = start
    while at < end:
        if at // QUARTER in triple:
            until = min(end, (at // QUARTER + 1) * QUARTER)
            length = until - at
            triple_length = length if length in _SEXTUPLETS else 16
            pieces.append((at, triple_length))
            at += triple_length
            continue
        limit = next((beat * QUARTER for beat in sorted(triple) if beat * QUARTER > at), end)
        room = min(end, limit) - at
        ticks = next(t for t in sorted(_VALUES, reverse=True) if t <= room and _readable(at, t, meter))
        pieces.append((at, ticks))
        at += ticks
    return pieces


def _readable(at: int, ticks: int, meter: Meter) -> bool:
    """A value of ``ticks`` at this place does not hide a beat."""
    beat = meter.beat
    if at % beat == 0:
        if beat == 36:
            return ticks <= beat or ticks % beat == 0
        half = 2 * beat
        if meter.beats == 4 and 0 < at < half < at + ticks and ticks != half:
            return False  # the middle of the bar is shown, but for a half note around it
        return ticks <= beat or ticks % beat == 0 or ticks == beat * 3 // 2
    if at % beat + ticks <= beat:
        return True
    return beat == 24 and at % 24 == 12 and ticks == 24  # a syncopated quarter


def _beam(row: Sequence[Symbol], meter: Meter) -> None:
    """Join what is shorter than a quarter inside each beat."""
    beat = meter.ticks if meter.ticks == 36 else max(meter.beat, QUARTER)
    run: list[Symbol] = []
    for symbol in [*row, None]:
        if symbol is not None and symbol.pitches and symbol.kind in FLAGS:
            if run and symbol.onset // beat != run[0].onset // beat:
                _join(run)
                run = []
            run.append(symbol)
        else:
            _join(run)
            run = []


def _join(run: Sequence[Symbol]) -> None:
    if len(run) < 2:
        return
    for i, symbol in enumerate(run):
        for depth in range(1, FLAGS[symbol.kind] + 1):
            before = i > 0 and FLAGS[run[i - 1].kind] >= depth
            after = i + 1 < len(run) and FLAGS[run[i + 1].kind] >= depth
            if before and after:
                symbol.beams.append("continue")
            elif before or after:
                symbol.beams.append("end" if before else "begin")
            else:
                symbol.beams.append("forward hook" if i == 0 else "backward hook")


def spell(pitch: int, key: Key) -> tuple[str, int, int]:
    """Step, alteration and octave of a pitch: raised sevenths in minor, flats and sharps near the key."""
    low = key.fifths - (3 if key.minor else 4)
    fifth = pitch * 7 % 12
    while fifth < low:
        fifth += 12
    while fifth >= low + 12:
        fifth -= 12
    step = _STEPS[(fifth + 1) % 7]
    alter = (fifth + 1) // 7
    return step, alter, (pitch - alter) // 12 - 1


def _accidentals(rows: Sequence[Sequence[Symbol]], key: Key) -> None:
    signs = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}
    signature = dict.fromkeys(_STEPS, 0)
    for i in range(abs(key.fifths)):
        signature[_STEPS[i] if key.fifths > 0 else _STEPS[6 - i]] = 1 if key.fifths > 0 else -1
    current: dict[tuple[str, int], int] = {}
    symbols = sorted((s for row in rows for s in row if s.pitches), key=lambda s: s.onset)
    for symbol in symbols:
        for pitch in symbol.pitches:
            step, alter, octave = spell(pitch, key)
            if current.get((step, octave), signature[step]) != alter and not symbol.tied_from:
                symbol.accidentals[pitch] = signs[alter]
            current[(step, octave)] = alter
