"""The key of a song: by its signature where it has one, major or minor by its notes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from model.music.score import Key, Note

# Weights of the twelve degrees by Temperley's (2007) counts in Western songs and sonatas: rounded shares.
_MAJOR = np.array([0.748, 0.06, 0.488, 0.082, 0.67, 0.46, 0.096, 0.715, 0.104, 0.366, 0.057, 0.4])
_MINOR = np.array([0.712, 0.084, 0.474, 0.618, 0.049, 0.46, 0.105, 0.747, 0.404, 0.067, 0.133, 0.33])
_FINAL_BASS = 0.25  # what the last bass note adds to the keys that have it as tonic: songs end on it


def find_key(notes: Sequence[Note], fifths: int | None) -> Key:
    """The key whose degrees fit best: of the two with the signature ``fifths``, or of all 24 without one."""
    counts = np.zeros(12)
    for note in notes:
        counts[note.pitch % 12] += min(note.duration, 48)
    last = max(note.onset for note in notes)
    bass = min(note.pitch for note in notes if note.onset == last) % 12
    if fifths is None:
        keys = [Key(tonic, minor) for tonic in range(12) for minor in (False, True)]
    else:
        keys = [Key.of_signature(fifths, minor=minor) for minor in (False, True)]

    def fit(key: Key) -> float:
        profile = np.roll(_MINOR if key.minor else _MAJOR, key.tonic)
        likeness = np.corrcoef(counts, profile)[0, 1] if counts.std() > 0 else 0.0
        return float(likeness) + (_FINAL_BASS if bass == key.tonic else 0.0)

    return max(keys, key=fit)
