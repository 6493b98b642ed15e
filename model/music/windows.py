"""Stretches of songs as arrays for the network: tokens with place in the bar, staff and meter."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import torch

from model.music.encoding import EncodedSong, Traits, song_tokens
from model.music.vocabulary import TEMPOS, VOCABULARY
from model.sequence.objective import Batch

FUTURE_BARS = 2


def features(tokens: Sequence[int]) -> np.ndarray:
    """(T, 4): each token, the place in the bar after it, its staff (0: none) and the meter (0: not told)."""
    rows = np.zeros((len(tokens), 4), np.int64)
    where = BEGINNING
    for i, token in enumerate(tokens):
        where = follow(where, token)
        rows[i] = token, *where
    return rows


Where = tuple[int, int, int]
"""Place in the bar, staff and meter, as numbers of their embeddings."""

BEGINNING: Where = (0, 0, 0)


def follow(where: Where, token: int) -> Where:
    """Where the song is after one more token."""
    v = VOCABULARY
    place, _, meter = where
    if v.is_position(token):
        return token - v.position, 0, meter
    if v.is_group(token):
        return place, 1 + int(v.group_of(token)[0]), meter
    if v.is_meter(token):
        return 0, 0, 1 + token - v.METER
    return where if v.is_pitch(token) else (0, 0, meter)


def stack(sequences: Sequence[Sequence[int]], length: int) -> Batch:
    """Sequences side by side, cut or padded to ``length`` predictions.

    The describing tokens and what is told of the future are read, and not predicted.
    """
    v = VOCABULARY
    inputs = np.zeros((len(sequences), length, 4), np.int64)
    targets = np.full((len(sequences), length), -1, np.int64)
    for row, sequence in enumerate(sequences):
        tokens = list(sequence[: length + 1])
        told = (tokens.index(v.NOW) if v.NOW in tokens else len(Traits().tokens()) - 1) + 1
        count = len(tokens) - 1
        inputs[row, :count] = features(tokens[:-1])
        following = np.array(tokens[1:])
        following[: told - 1] = -1
        targets[row, :count] = following
    return Batch(torch.from_numpy(inputs), torch.from_numpy(targets))


def draw_window(song: EncodedSong, length: int, rng: random.Random) -> list[int]:
    """A random stretch of about ``length`` tokens; traits hidden or varied, the future told, now and then."""
    sizes = [len(bar) + 1 for bar in song.bars]
    future = FUTURE_BARS if rng.random() < 0.15 else 0
    first = rng.randrange(len(sizes)) if rng.random() < 0.85 else 0
    room, last = length - 8, first
    while last < len(sizes) and room > 0:
        room -= sizes[last]
        last += 1
    missing = max(0, room)
    while first > 0 and missing > sizes[first - 1]:  # near the end: begin earlier instead of padding
        first -= 1
        missing -= sizes[first]
    if future and last - first > 2:
        last = first + rng.randrange(1, min(8, last - first))
    return song_tokens(song, first, last, vary(song.traits, rng), future if last < len(sizes) else 0)


def vary(traits: Traits, rng: random.Random) -> Traits:
    """Each trait hidden in one case of six, the tempo moved to the next class in one of six."""
    tempo = traits.tempo
    if tempo is not None and rng.random() < 1 / 6:
        tempo = min(len(TEMPOS), max(0, tempo + rng.choice((-1, 1))))
    hidden = [rng.random() < 1 / 6 for _ in range(4)]
    return Traits(
        minor=None if hidden[0] else traits.minor,
        tempo=None if hidden[1] else tempo,
        density=None if hidden[2] else traits.density,
        register=None if hidden[3] else traits.register,
    )


def whole_windows(song: EncodedSong, length: int) -> list[list[int]]:
    """The song from beginning to end in stretches of at most ``length`` tokens, with all its traits."""
    windows, first = [], 0
    while first < len(song.bars):
        last, room = first, length - 7
        while last < len(song.bars) and (last == first or room >= len(song.bars[last]) + 2):
            room -= len(song.bars[last]) + 2
            last += 1
        windows.append(song_tokens(song, first, last, song.traits))
        first = last
    return windows
