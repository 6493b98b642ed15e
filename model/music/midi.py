"""MIDI files: read into a score, and written from one."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

from model.music.assemble import MAX_NOTES, assemble, snap
from model.music.errors import (
    DamagedWorkError,
    DrumsOnlyError,
    EmptyWorkError,
    MusicUnavailableError,
    WorkTooLargeError,
)
from model.music.parts import Track
from model.music.score import QUARTER, Meter, Note, Score, Staff

MAX_TRACKS = 64
_DRUMS = 9  # the percussion channel, counted from 0
_FIFTHS = {
    "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5, "F#": 6, "C#": 7,
    "F": -1, "Bb": -2, "Eb": -3, "Ab": -4, "Db": -5, "Gb": -6, "Cb": -7,
    "Am": 0, "Em": 1, "Bm": 2, "F#m": 3, "C#m": 4, "G#m": 5, "D#m": 6, "A#m": 7,
    "Dm": -1, "Gm": -2, "Cm": -3, "Fm": -4, "Bbm": -5, "Ebm": -6, "Abm": -7,
}  # fmt: skip
_PROGRAMS = {Staff.VOICE: 52, Staff.RIGHT: 0, Staff.LEFT: 0}
_NAMES = {Staff.VOICE: "Voice", Staff.RIGHT: "Piano right hand", Staff.LEFT: "Piano left hand"}
_VELOCITIES = {Staff.VOICE: 92, Staff.RIGHT: 70, Staff.LEFT: 66}


def read_midi(data: bytes, *, title: str = "") -> Score:
    """The score of a standard MIDI file.

    Raises:
        WorkError: one of its kinds: damaged, too large, empty, drums only.
    """
    if len(data) >= 14:
        announced = int.from_bytes(data[10:12], "big")
        if announced > MAX_TRACKS:
            raise WorkTooLargeError(f"The file has {announced:,} tracks, and at most {MAX_TRACKS} are read.")
    mido = _mido()
    try:
        file = mido.MidiFile(file=io.BytesIO(data), clip=True)
    except (OSError, EOFError, ValueError, IndexError, KeyError, TypeError) as error:
        raise DamagedWorkError(f"The MIDI file cannot be read ({str(error) or 'it is cut off'}).") from error
    if file.type == 2 or file.ticks_per_beat <= 0:
        raise DamagedWorkError("The MIDI file counts no beats (it is of type 2, or in SMPTE time).")
    scale = Fraction(QUARTER, file.ticks_per_beat)
    meters: list[tuple[int, Meter]] = []
    tempos: list[tuple[int, float]] = []
    keys: list[tuple[int, int]] = []
    tracks: list[Track] = []
    drums = 0
    for chunk in file.tracks:
        channels: dict[int, Track] = {}
        sounding: dict[tuple[int, int], int] = {}
        tick, name = 0, ""
        for message in chunk:
            tick += message.time
            match message.type:
                case "track_name":
                    name = str(message.name)[:200]
                case "time_signature" if message.numerator > 0:
                    meters.append((snap(tick * scale), Meter(message.numerator, message.denominator)))
                case "key_signature":
                    keys.append((tick, _FIFTHS[message.key]))
                case "set_tempo" if message.tempo > 0:
                    tempos.append((snap(tick * scale), 6e7 / message.tempo))
                case "program_change":
                    channels.setdefault(message.channel, Track()).program = message.program
                case "note_on" | "note_off":
                    if message.channel == _DRUMS:
                        drums += message.type == "note_on"
                        continue
                    place = (message.channel, message.note)
                    begun = sounding.pop(place, None)
                    if begun is not None and tick > begun:
                        onset = snap(begun * scale)
                        length = max(3, snap((tick - begun) * scale))
                        track = channels.setdefault(message.channel, Track())
                        track.notes.append(Note(onset, Staff.RIGHT, message.note, length))
                        if len(track.notes) > MAX_NOTES:
                            raise WorkTooLargeError(f"A track has more than {MAX_NOTES:,} notes.")
                    if message.type == "note_on" and message.velocity > 0:
                        sounding[place] = tick
        for track in channels.values():
            track.name = name
            tracks.append(track)
    tracks = [track for track in tracks if track.notes]
    if not tracks and drums:
        raise DrumsOnlyError("The work has notes for percussion only.")
    if not tracks:
        raise EmptyWorkError("The work has no notes.")
    fifths = min(keys)[1] if keys else None
    meters = [(tick, meter) for tick, meter in meters if meter.ticks > 0 and meter.unit <= 32]
    return assemble(tracks, meters, fifths, tempos, title=title)


def write_midi(score: Score) -> bytes:
    """A standard MIDI file of type 1: tempo, meters and key, then a track for each staff that has notes."""
    mido = _mido()
    per_quarter = 480
    scale = per_quarter // QUARTER
    file = mido.MidiFile(type=1, ticks_per_beat=per_quarter)
    head = mido.MidiTrack()
    events: list[tuple[int, Any]] = [
        (0, mido.MetaMessage("track_name", name=_latin(score.title) or "Song")),
        (0, mido.MetaMessage("set_tempo", tempo=round(6e7 / score.tempo))),
        (0, mido.MetaMessage("key_signature", key=_signature(score))),
    ]
    meter = None
    for bar in score.bars:
        if bar.meter != meter:
            meter = bar.meter
            events.append(
                (bar.onset, mido.MetaMessage("time_signature", numerator=meter.beats, denominator=meter.unit))
            )
    _append(head, [(tick * scale, message) for tick, message in events], end=score.ticks * scale)
    file.tracks.append(head)
    for channel, staff in enumerate(Staff):
        notes = [note for note in score.notes if note.staff is staff]
        if not notes:
            continue
        track = mido.MidiTrack()
        track.append(mido.MetaMessage("track_name", name=_NAMES[staff], time=0))
        track.append(mido.Message("program_change", channel=channel, program=_PROGRAMS[staff], time=0))
        changes = []
        for note in notes:
            on = mido.Message("note_on", channel=channel, note=note.pitch, velocity=_VELOCITIES[staff])
            off = mido.Message("note_off", channel=channel, note=note.pitch, velocity=0)
            changes += [(note.onset * scale, 1, on), (note.end * scale, 0, off)]
        changes.sort(key=lambda change: change[:2])  # what ends, before what begins
        _append(track, [(tick, message) for tick, _, message in changes], end=score.ticks * scale)
        file.tracks.append(track)
    out = io.BytesIO()
    file.save(file=out)
    return out.getvalue()


def _mido() -> Any:
    try:
        import mido
    except ImportError as error:
        raise MusicUnavailableError("MIDI needs the package `mido`: install fewstroke[music].") from error
    return mido


def _append(track: Any, events: list[tuple[int, Any]], *, end: int) -> None:
    at = 0
    for tick, message in events:
        track.append(message.copy(time=tick - at))
        at = tick
    track.append(_mido().MetaMessage("end_of_track", time=max(0, end - at)))


def _signature(score: Score) -> str:
    names = {(fifths, name.endswith("m")): name for name, fifths in _FIFTHS.items()}
    return names[(score.key.fifths, score.key.minor)]


def _latin(text: str) -> str:
    return text.encode("latin-1", "replace").decode("latin-1")
