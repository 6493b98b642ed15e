"""Does a composition look like its composer to a classifier? Its rate beside that on real songs.

A linear classifier on n-grams of tokens (in the neutral key, so that keys tell nothing) learns the held-out
composers from excerpts of some song cycles. It names the composers of excerpts from other cycles, and of
fragments that were composed after learning from the first cycles.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from model.music.adaptation import DEFAULT_STEPS, adapt_phi
from model.music.checkpoint import MusicBase, load_music
from model.music.composition import Composer
from model.music.controls import Controls
from model.music.encoding import EncodedSong, decode
from model.music.limits import MAX_COUNT
from model.music.score import Key
from model.music.style import MODALITY, MusicStyle, Profile
from model.music.works import HELD_OUT, Work, by_composer

BARS = 16
_SIZE = 2**14
_ORDER = 3


def counts(song: EncodedSong) -> NDArray[np.float32]:
    """Hashed n-grams of a song's tokens, 1 to 3 at a time, as square roots of shares."""
    vector = np.zeros(_SIZE, np.float32)
    for bar in song.bars:
        for order in range(1, _ORDER + 1):
            for i in range(len(bar) - order + 1):
                vector[zlib.crc32(repr(bar[i : i + order]).encode()) % _SIZE] += 1
    shares: NDArray[np.float32] = np.sqrt(vector / np.float32(max(1.0, vector.sum())))
    return shares


def excerpts(song: EncodedSong, bars: int = BARS) -> list[EncodedSong]:
    """The song in stretches of ``bars`` bars; the last one only if it is half as long at least."""
    rows = []
    for first in range(0, len(song.bars), bars):
        last = min(len(song.bars), first + bars)
        if last - first >= bars // 2:
            rows.append(EncodedSong(song.traits, song.meters[first:last], song.bars[first:last]))
    return rows


@dataclass(frozen=True)
class Divided:
    """Works of one composer by cycles: to learn from, and to be named."""

    composer: str
    known: list[Work]
    unseen: list[Work]


def divide(works: Sequence[Work], seed: int) -> list[Divided]:
    """Each held-out composer's cycles in two parts of about the same number of works."""
    groups = by_composer(works)
    divided = []
    for composer in HELD_OUT:
        group = groups.get(composer, [])
        cycles = sorted({work.cycle for work in group})
        random.Random(f"{seed} {composer}").shuffle(cycles)
        chosen: set[str] = set()
        for cycle in cycles[:-1]:
            if sum(work.cycle in chosen for work in group) < len(group) / 2:
                chosen.add(cycle)
        if chosen:
            known = [work for work in group if work.cycle in chosen]
            divided.append(Divided(composer, known, [w for w in group if w.cycle not in chosen]))
    return divided


def train_classifier(rows: Sequence[tuple[int, EncodedSong]], classes: int, *, steps: int = 300) -> nn.Linear:
    """Logistic regression with weight decay, every composer counting the same."""
    torch.manual_seed(0)
    inputs = torch.from_numpy(np.stack([counts(song) for _, song in rows]))
    targets = torch.tensor([label for label, _ in rows])
    weights = 1 / torch.bincount(targets, minlength=classes).clamp(min=1).float()
    linear = nn.Linear(_SIZE, classes)
    nn.init.zeros_(linear.weight)
    optimizer = torch.optim.AdamW(linear.parameters(), lr=0.05, weight_decay=0.05)
    for _ in range(steps):
        loss = F.cross_entropy(linear(inputs), targets, weight=weights)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return linear


@torch.no_grad()
def named(linear: nn.Linear, songs: Sequence[EncodedSong]) -> Tensor:
    """The composer that is named for each song, (n,)."""
    scores: Tensor = linear(torch.from_numpy(np.stack([counts(song) for song in songs])))
    return scores.argmax(-1)


def evaluate_classifier(
    checkpoint: Path | None,
    works: Sequence[Work],
    *,
    fragments: int = 4,
    seed: int = 0,
    steps: int = DEFAULT_STEPS,
) -> dict[str, Any]:
    """Rates at which the right composer is named: of real excerpts, of fragments, and by chance."""
    base = load_music(checkpoint)
    parts = divide(works, seed)
    known = [(i, e) for i, part in enumerate(parts) for work in part.known for e in excerpts(work.song)]
    linear = train_classifier(known, len(parts))
    real = np.array(
        [_rate(linear, [e for w in part.unseen for e in excerpts(w.song)], i) for i, part in enumerate(parts)]
    )
    adapted = np.array(
        [_rate(linear, _fragments(base, part, fragments, seed, steps), i) for i, part in enumerate(parts)]
    )
    before = np.array(
        [_rate(linear, _fragments(base, part, fragments, seed, 0), i) for i, part in enumerate(parts)]
    )
    return {
        "composers": len(parts),
        "chance": round(1 / len(parts), 4),
        "real_excerpts": round(float(real.mean()), 4),
        "fragments": round(float(adapted.mean()), 4),
        "fragments_without_learning": round(float(before.mean()), 4),
        "fragments_a_composer": fragments,
        "steps": steps,
    }


def _rate(linear: nn.Linear, songs: Sequence[EncodedSong], label: int) -> float:
    return float((named(linear, songs) == label).float().mean())


def _fragments(base: MusicBase, part: Divided, count: int, seed: int, steps: int) -> list[EncodedSong]:
    """Fragments after learning from five known works, with the examples' own traits."""
    from model.formats import StyleHeader
    from model.music.encoding import encode
    from model.music.originality import build_index

    rng = random.Random(f"{seed} {part.composer}")
    chosen = rng.sample(part.known, min(5, len(part.known)))
    phi, _ = adapt_phi(base, [work.song for work in chosen], steps=steps, seed=seed)
    scores = [
        decode(work.song.bars, work.song.meters, Key(0, bool(work.song.traits.minor)), 100.0)
        for work in chosen
    ]
    index, _ = build_index(chosen)
    style = MusicStyle(
        phi,
        StyleHeader(base_hash=base.hash, k=len(chosen), steps=steps, seed=seed, modality=MODALITY),
        Profile.of(scores),
        index,
        tuple(work.title for work in chosen),
    )
    composer = Composer(base)
    return [
        encode(made.score)
        for first in range(0, count, MAX_COUNT)
        for made in composer.compose(
            style, Controls(bars=BARS, seed=seed + first, count=min(MAX_COUNT, count - first))
        )
    ]
