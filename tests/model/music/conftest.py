import random

import pytest
import torch

from model.music.checkpoint import load_music, save_music
from model.music.encoding import encode
from model.music.network import Network
from model.music.originality import build_index
from model.music.score import QUARTER, Bar, Key, Meter, Note, Score, Staff
from model.music.vocabulary import VOCABULARY
from model.music.works import Work
from model.sequence.network import NetworkConfig, PhiModule

TINY = NetworkConfig(width=32, layers=2, heads=2, hidden=64, rank=2, dropout=0.0)


def make_song(seed=0, *, bars=12, key=Key(2, False), meter=Meter(4, 4), title="A song"):  # noqa: B008
    """A song for voice and piano in a plain manner: a wandering line over chords, ending on the tonic."""
    rng = random.Random(seed)
    notes = []
    scale = [0, 2, 3, 5, 7, 8, 11] if key.minor else [0, 2, 4, 5, 7, 9, 11]
    degree = rng.randrange(7)
    for number in range(bars):
        start = number * meter.ticks
        last = number == bars - 1
        at = 0
        while at < meter.ticks:
            length = meter.ticks if last else min(rng.choice([12, 12, 24, 24, 36]), meter.ticks - at)
            degree = 0 if last else max(-3, min(8, degree + rng.choice([-2, -1, -1, 1, 1, 2])))
            pitch = 60 + key.tonic + 12 * (degree // 7) + scale[degree % 7]
            notes.append(Note(start + at, Staff.VOICE, pitch, length))
            at += length
        root = 0 if last or number == 0 else rng.choice([0, 3, 4, 5])
        chord = [scale[(root + step) % 7] + 12 * ((root + step) // 7) for step in (0, 2, 4)]
        notes.append(Note(start, Staff.LEFT, 36 + key.tonic + chord[0], meter.ticks))
        for beat in range(0, meter.ticks, QUARTER):
            length = min(QUARTER, meter.ticks - beat)
            notes += [Note(start + beat, Staff.RIGHT, 60 + key.tonic + tone, length) for tone in chord[1:]]
    rows = tuple(Bar(number * meter.ticks, meter) for number in range(bars))
    return Score(tuple(sorted(notes)), rows, key, 96.0, title)


def make_works(composers=("Ann", "Ben", "Cid"), songs=4):
    return [
        Work(
            name,
            f"cycle {number % 2}",
            f"{name}{number}",
            f"Song {number}",
            encode(make_song(17 * i + number)),
        )
        for i, name in enumerate(composers)
        for number in range(songs)
    ]


def write_music_checkpoint(path):
    """An untrained checkpoint: it knows nothing, so whatever is sound in its songs is the grammar's doing."""
    torch.manual_seed(0)
    network, phi = Network(TINY), PhiModule(TINY, VOCABULARY.size)
    index, names = build_index(make_works())
    rates = {name: torch.full((3,), 0.01) for name in phi.names}
    about = {"card": {"licence": "CC0-1.0"}, "works": names, "human": {"longest_95": 12.0}}
    save_music(path, network.state_dict(), TINY, phi.tensors(), rates, index, about)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("music") / "music.safetensors"
    write_music_checkpoint(path)
    return path


@pytest.fixture(scope="session")
def base(checkpoint):
    return load_music(checkpoint)
