"""Who plays what: the voice, the right and the left hand, found in the tracks of a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from model.music.score import Note, Staff

_VOICES = re.compile(
    r"voice|vocal|sing|chant|canto|voix|voce|stimme|gesang|soprano|sopran|mezzo|alto|contralto|tenor|"
    r"bariton|lead|melod|solo|song|\bvoc\b|lyric",
    re.IGNORECASE,
)
_KEYS = re.compile(r"piano|klavier|forte|clav|harpsi|cembalo|organ|keyboard|harp|guitar", re.IGNORECASE)
_RIGHT = re.compile(r"right|\brh\b|\br\.h|rechte|droite|destra|upper|treble", re.IGNORECASE)
_LEFT = re.compile(r"left|\blh\b|\bl\.h|linke|gauche|sinistra|lower|bass", re.IGNORECASE)
_SPAN = 14  # semitones that a hand reaches
_MIDDLE = 60


@dataclass
class Track:
    """Notes of one track (or staff) of a file; their ``staff`` says nothing yet."""

    name: str = ""
    program: int = 0  # General MIDI, 0 to 127
    notes: list[Note] = field(default_factory=list)
    staff: Staff | None = None  # where the file itself says so (MusicXML)

    @property
    def keyboard(self) -> bool:
        """A piano, by its name or else by its program."""
        if _KEYS.search(self.name):
            return True
        return not _VOICES.search(self.name) and self.program < 8

    @property
    def overlapping(self) -> float:
        """Share of notes that begin before the one before them is over: 0 for a voice."""
        late = 0
        end = -1
        for note in sorted(self.notes):
            late += note.onset < end
            end = max(end, note.end)
        return late / max(1, len(self.notes))


def assign_staves(tracks: Sequence[Track]) -> list[Note]:
    """The notes of all tracks, each with its staff.

    The voice is the first of the tracks that are called one, or else of those that are no keyboard and play
    one note at a time, or else (of several tracks) the first that plays one note at a time and lies highest.
    Everything else is accompaniment; where a keyboard is among it, the other instruments and voices are left
    out.
    """
    tracks = [track for track in tracks if track.notes]
    if any(track.staff is not None for track in tracks):
        fixed = [replace(n, staff=t.staff) for t in tracks if t.staff is not None for n in t.notes]
        return sorted(_monophonic_voice(fixed))
    voice = _find_voice(tracks)
    rest = [track for track in tracks if track is not voice]
    keyboards = [track for track in rest if track.keyboard]
    if keyboards and voice is not None:
        rest = keyboards
    notes = [replace(n, staff=Staff.VOICE) for n in voice.notes] if voice else []
    hands = _named_hands(rest)
    if hands is None:
        hands = split_hands([note for track in rest for note in track.notes])
    return sorted(_monophonic_voice(notes + hands))


def _find_voice(tracks: Sequence[Track]) -> Track | None:
    if len(tracks) < 2:
        only = tracks[0] if tracks else None
        return only if only and not only.keyboard and only.overlapping < 0.05 else None
    single = [track for track in tracks if track.overlapping < 0.1]
    for group in (
        [t for t in single if _VOICES.search(t.name) and not _KEYS.search(t.name)],
        [t for t in single if not t.keyboard],
    ):
        if group:  # of several the first that sings about as much as the busiest
            most = max(len(track.notes) for track in group)
            return next(track for track in group if len(track.notes) >= 0.8 * most)
    if len(tracks) == 2:  # two staves of one keyboard
        return None
    return max(single, key=_mean_pitch, default=None)


def _mean_pitch(track: Track) -> float:
    return sum(note.pitch for note in track.notes) / len(track.notes)


def _named_hands(tracks: Sequence[Track]) -> list[Note] | None:
    """The hands of a keyboard that is written on two tracks; None where it is not."""
    if len(tracks) != 2:
        return None
    first, second = tracks
    if (
        _LEFT.search(first.name)
        or _RIGHT.search(second.name)
        or (
            not (_RIGHT.search(first.name) or _LEFT.search(second.name))
            and _mean_pitch(first) < _mean_pitch(second)
        )
    ):
        first, second = second, first
    return [replace(n, staff=Staff.RIGHT) for n in first.notes] + [
        replace(n, staff=Staff.LEFT) for n in second.notes
    ]


def split_hands(notes: Sequence[Note]) -> list[Note]:
    """Divide the notes of a keyboard between its hands.

    At every onset the notes are cut at the place that keeps each hand within its reach, near where it was
    and on its side of middle C: the cheapest cut, one onset after the other.
    """
    onsets: dict[int, list[Note]] = {}
    for note in notes:
        onsets.setdefault(note.onset, []).append(note)
    right, left = 69.0, 50.0  # where the hands are
    divided: list[Note] = []
    for onset in sorted(onsets):
        group = sorted(onsets[onset], key=lambda note: note.pitch)
        pitches = [note.pitch for note in group]

        def cost(cut: int, pitches: list[int] = pitches, right: float = right, left: float = left) -> float:
            low, high = pitches[:cut], pitches[cut:]
            total = 0.0
            for hand, at, side in ((low, left, -1), (high, right, 1)):
                if not hand:
                    continue
                center = (hand[0] + hand[-1]) / 2
                total += abs(center - at) + 4.0 * max(0, hand[-1] - hand[0] - _SPAN)
                total += 0.5 * max(0.0, side * (_MIDDLE - center)) + 3.0 * max(0, len(hand) - 5)
            return total

        cut = min(range(len(group) + 1), key=cost)
        for hand, staff in ((group[:cut], Staff.LEFT), (group[cut:], Staff.RIGHT)):
            divided += [replace(note, staff=staff) for note in hand]
        if cut:
            left += 0.5 * ((pitches[0] + pitches[cut - 1]) / 2 - left)
        if cut < len(group):
            right += 0.5 * ((pitches[cut] + pitches[-1]) / 2 - right)
    return divided


def _monophonic_voice(notes: Sequence[Note]) -> list[Note]:
    """The voice sings one note at a time: of two the higher, and each ends where the next begins."""
    voice: dict[int, Note] = {}
    for note in notes:
        if note.staff is Staff.VOICE and (note.onset not in voice or note.pitch > voice[note.onset].pitch):
            voice[note.onset] = note
    line = [voice[onset] for onset in sorted(voice)]
    cut = [
        replace(note, duration=min(note.duration, line[i + 1].onset - note.onset))
        if i + 1 < len(line)
        else note
        for i, note in enumerate(line)
    ]
    return [note for note in notes if note.staff is not Staff.VOICE] + cut
