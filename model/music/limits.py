"""What can be asked of a composition: its limits, keys, meters and forms. Imports nothing heavy."""

from __future__ import annotations

import re

from model.music.errors import ControlsError
from model.music.score import Meter
from model.music.vocabulary import METERS

MAX_BARS = 64
MAX_COUNT = 8
MAX_STEPS = 64
MODES = ("major", "minor")
DENSITY_NAMES = ("very sparse", "sparse", "medium", "dense", "very dense")
MEDIA_TYPES = {
    "mid": "audio/midi",
    "musicxml": "application/vnd.recordare.musicxml+xml",
    "mxl": "application/vnd.recordare.musicxml",
    "wav": "audio/wav",
    "opus": "audio/ogg",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "png": "image/png",
    "json": "application/json",
}
_TONICS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}


def parse_key(text: str) -> tuple[int, bool | None]:
    """Tonic and mode (None: not said) of "C", "f# minor", "Bb major"; a small letter alone means minor."""
    match = re.fullmatch(r"\s*([A-Ga-g])\s*(#|b|♯|♭|sharp|flat)?\s*(major|minor|maj|min|m)?\s*", text)
    if match is None:
        raise ControlsError(f"The key {text[:40]!r} is not understood: write it as C, F#, Eb or 'Eb minor'.")
    letter, sign, mode = match.groups()
    tonic = _TONICS[letter.lower()] + {None: 0, "#": 1, "♯": 1, "sharp": 1}.get(sign, -1)
    minor = None if mode is None else mode in ("minor", "min", "m")
    return tonic % 12, True if minor is None and letter.islower() else minor


def parse_meter(text: str) -> Meter:
    """A meter that compositions may have."""
    known = {str(meter): meter for meter in METERS}
    if text.strip() not in known:
        raise ControlsError(f"`meter` is one of {', '.join(known)}, not {text[:40]!r}.")
    return known[text.strip()]


def check_mode(key: str | None, mode: str | None) -> tuple[int | None, bool | None]:
    """Tonic and whether minor, as far as they are asked for. Raises ``ControlsError`` for a contradiction."""
    tonic, minor = parse_key(key) if key else (None, None)
    if mode is not None:
        if mode not in MODES:
            raise ControlsError(f"`mode` is one of {', '.join(MODES)}, not {mode!r}.")
        if minor is not None and minor != (mode == "minor"):
            raise ControlsError(f"The key {key!r} contradicts the mode {mode!r}: name one.")
        minor = mode == "minor"
    return tonic, minor
