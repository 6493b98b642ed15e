"""What a caller may ask of a composition, and what becomes of it: key, tempo, meter, density, mood."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from model.music.encoding import Traits, neutral_shift
from model.music.errors import ControlsError
from model.music.limits import DENSITY_NAMES, MAX_BARS, MAX_COUNT, MODES, check_mode, parse_meter
from model.music.score import Key, Meter, Score
from model.music.style import Profile
from model.music.vocabulary import DENSITIES, REGISTERS, TEMPOS, level


@dataclass(frozen=True)
class Mood:
    """Valence (sad to glad) and arousal (calm to stirred), each from -1 to 1."""

    valence: float = 0.0
    arousal: float = 0.0

    def __post_init__(self) -> None:
        if not (-1 <= self.valence <= 1 and -1 <= self.arousal <= 1):
            raise ControlsError("The mood's valence and arousal lie between -1 and 1.")


@dataclass(frozen=True)
class Controls:
    """What is asked for; None: as in the examples.

    Attributes:
        bars: 2 to 64; with ``infill`` it does not count.
        key: such as "C", "f#", "Eb" or "Eb minor".
        mode: "major" or "minor".
        tempo: quarters a minute, 30 to 240.
        meter: such as "3/4".
        density: 0 (very sparse) to 4 (very dense).
        mood: moves mode, tempo, density and register, where they are not asked for themselves.
        voice: with or without a singer.
        temperature: 0.1 to 2.
        top_p: above 0, at most 1.
        seed: the same seed and controls give the same notes.
        count: 1 to 8 compositions.
        max_copied: longest run of events shared with the examples or the training works, at least 8; None:
        what
            19 of 20 songs stay below beside the songs of other composers.
        ending: "cadence" (on the tonic, after a dominant) or "open" (it could go on).
        primer: a score that the composition goes on from.
        infill: bars of ``primer`` (from 1, both included) that are written anew between the others.
    """

    bars: int = 16
    key: str | None = None
    mode: str | None = None
    tempo: float | None = None
    meter: str | None = None
    density: int | None = None
    mood: Mood | None = None
    voice: bool | None = None
    temperature: float = 0.95
    top_p: float = 0.95
    seed: int = 0
    count: int = 1
    max_copied: int | None = None
    ending: Literal["cadence", "open"] = "cadence"
    primer: Score | None = None
    infill: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        _within("bars", self.bars, 2, MAX_BARS)
        _within("temperature", self.temperature, 0.1, 2.0)
        _within("count", self.count, 1, MAX_COUNT)
        if self.max_copied is not None:
            _within("max_copied", self.max_copied, 8, 1000)
        if not 0 < self.top_p <= 1:
            raise ControlsError("`top_p` lies above 0 and is at most 1.")
        if self.tempo is not None:
            _within("tempo", self.tempo, 30, 240)
        if self.density is not None:
            _within("density", self.density, 0, len(DENSITIES))
        if self.infill is not None:
            if self.primer is None:
                raise ControlsError("`infill` needs a `primer`: the score in which bars are to be filled.")
            first, last = self.infill
            if not 1 <= first <= last <= len(self.primer.bars) or last - first >= MAX_BARS:
                raise ControlsError(
                    f"`infill` names bars between 1 and {len(self.primer.bars)}, at most {MAX_BARS} of them."
                )


@dataclass(frozen=True)
class Settled:
    """What a composition is made with.

    Attributes:
        key: of the result.
        tempo: quarters a minute.
        meter: of every bar, unless a primer has others.
        traits: what the network is told.
        voice: a voice sings.
        moved: what the mood moved, in words, such as {"mode": "minor"}.
    """

    key: Key
    tempo: float
    meter: Meter
    traits: Traits
    voice: bool
    moved: dict[str, str] = field(default_factory=dict)


def settle(controls: Controls, profile: Profile) -> Settled:
    """What is asked for, with the mood's part and the examples' where nothing is asked.

    Raises:
        ControlsError: an unknown key, mode or meter, or a key that contradicts the mode.
    """
    moved: dict[str, str] = {}
    mood = controls.mood
    primer = controls.primer
    tonic, minor = check_mode(controls.key, controls.mode)
    if primer is not None:
        if controls.key or controls.mode or controls.meter:
            raise ControlsError("With a `primer`, key, mode and meter are the primer's: leave them out.")
        tonic, minor = primer.key.tonic, primer.key.minor
    if minor is None and mood is not None and abs(mood.valence) >= 0.15:
        minor = mood.valence < 0
        moved["mode"] = MODES[minor]
    if minor is None:
        minor = profile.minor
    if tonic is None:
        tonic = profile.tonic if minor == profile.minor else (profile.tonic + (9 if minor else 3)) % 12
    tempo = controls.tempo
    if tempo is None:
        tempo = primer.tempo if primer is not None else profile.tempo
        if mood is not None and mood.arousal:
            tempo = round(min(200.0, max(40.0, tempo * 1.5**mood.arousal)), 1)
            moved["tempo"] = f"{tempo:g} quarters a minute"
    density = controls.density
    if density is None:
        density = level(profile.density, DENSITIES)
        if mood is not None and (step := _step(mood.arousal)):
            density = min(len(DENSITIES), max(0, density + step))
            moved["density"] = DENSITY_NAMES[density]
    register = profile.register
    if mood is not None and (step := _step((mood.valence + mood.arousal) / 2)):
        register = min(len(REGISTERS), max(0, register + step))
        moved["register"] = ("low", "middle", "high")[register]
    return Settled(
        key=Key(tonic, minor),
        tempo=float(tempo),
        meter=parse_meter(controls.meter) if controls.meter else profile.meter,
        traits=Traits(minor, level(tempo, TEMPOS), density, register),
        voice=profile.voice if controls.voice is None else controls.voice,
        moved=moved,
    )


def sounding_shift(key: Key) -> int:
    """Semitones from the neutral key to ``key``."""
    return -neutral_shift(key)


def _step(value: float) -> int:
    return 0 if abs(value) < 0.25 else (1 if value > 0 else -1) * (2 if abs(value) > 0.75 else 1)


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ControlsError(f"`{name}` lies between {low:g} and {high:g}, not at {value:g}.")
