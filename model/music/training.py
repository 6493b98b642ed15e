"""Training on songs: support and query of a task come from different song cycles of one composer."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model.maml import LossFn, Task
from model.music.checkpoint import save_music
from model.music.network import Network
from model.music.originality import OriginalityIndex, build_index, human_baseline
from model.music.windows import draw_window, stack
from model.music.works import HELD_OUT, VALIDATION, Work, by_composer, training_works
from model.sequence.network import PhiModule
from model.sequence.objective import Batch, SequenceLoss, joined_batches
from model.sequence.training import SequenceTraining, SequenceTrainingConfig


@dataclass(frozen=True)
class MusicTrainingConfig(SequenceTrainingConfig):
    """Everything that a training depends on beside its works."""

    length: int = 384  # tokens of a stretch
    support: int = 4  # works of a task
    stretches: int = 4  # of an inner step, and of a query


class CycleTasks:
    """Tasks of training composers: support and query from different song cycles."""

    def __init__(self, works: Sequence[Work], config: MusicTrainingConfig, rng: random.Random) -> None:
        self.config, self.rng = config, rng
        groups = by_composer(works)
        self.composers = {
            name: group
            for name, group in groups.items()
            if len({w.cycle for w in group}) > 1 and len(group) > 2
        }
        if not self.composers:
            raise ValueError("meta-training needs composers with works from two song cycles")
        self.names = list(self.composers)
        self.weights = [len(self.composers[name]) ** 0.5 for name in self.names]

    def draw(self) -> Task[Batch, Batch]:
        """``config.tasks`` composers side by side."""
        chosen = self.rng.choices(self.names, self.weights, k=self.config.tasks)
        divided = [self._divide(self.composers[name]) for name in chosen]

        def batch(part: int) -> Batch:
            c = self.config
            return joined_batches(
                [
                    stack(
                        [
                            draw_window(self.rng.choice(both[part]).song, c.length, self.rng)
                            for _ in range(c.stretches)
                        ],
                        c.length,
                    )
                    for both in divided
                ]
            )

        query = batch(1)  # one for all steps: what they gain can be compared
        return Task(support=lambda step: batch(0), query=query, size=len(chosen))

    def _divide(self, works: list[Work]) -> tuple[list[Work], list[Work]]:
        cycles = sorted({work.cycle for work in works})
        self.rng.shuffle(cycles)
        cut = self.rng.randrange(1, len(cycles))
        support = [work for work in works if work.cycle in cycles[:cut]]
        query = [work for work in works if work.cycle not in cycles[:cut]]
        return self.rng.sample(support, min(len(support), self.config.support)), query


class MusicTraining(SequenceTraining):
    """One training on songs."""

    config: MusicTrainingConfig
    network: Network

    def __init__(self, config: MusicTrainingConfig, works: Sequence[Work]) -> None:
        self.works = training_works(works)
        self.groups = by_composer(self.works)
        self.index = build_index(self.works)
        self._human: dict[str, float] | None = None
        self._tasks: CycleTasks | None = None
        torch.manual_seed(config.seed)
        network = Network(config.network)
        start = PhiModule(config.network, network.tokens.num_embeddings)
        super().__init__(config, network, start, sorted(self.groups), "music.safetensors")
        self.weights = [sum(len(w.song.bars) for w in self.groups[name]) ** 0.6 for name in self.names]

    def make_loss(self) -> LossFn:
        """Nats an event."""
        return SequenceLoss(self.network, amp=self.config.amp)

    def joint_batch(self, rng: random.Random) -> tuple[Batch, list[int]]:
        """Stretches of songs, long songs more often."""
        length = self.config.length
        rows = rng.choices(range(len(self.names)), self.weights, k=self.config.batch)
        songs = [_weighted(self.groups[self.names[row]], rng) for row in rows]
        return stack([draw_window(work.song, length, rng) for work in songs], length), rows

    def task(self, rng: random.Random) -> Task[Batch, Batch]:
        """Composers with works from at least two cycles."""
        if self._tasks is None or self._tasks.rng is not rng:
            self._tasks = CycleTasks(self.works, self.config, rng)
        return self._tasks.draw()

    def write(self, path: Path, rates: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
        """With the index of the training works."""
        index, names = self.index
        if self._human is None:
            self._human = human_baseline(self.works, OriginalityIndex(index, names))
        about: dict[str, Any] = {
            "data": "OpenScore Lieder Corpus (CC0), songs for voice and piano",
            "works": len(self.works),
            "composers": len(self.names),
            "held_out": list(HELD_OUT),
            "validation": list(VALIDATION),
            "licence": "CC0-1.0 (data), Apache-2.0 (weights)",
        }
        save_music(
            path,
            self.network.state_dict(),
            self.config.network,
            self.start.tensors(),
            rates,
            index,
            {"card": about | dict(card), "works": names, "human": self._human},
        )


def _weighted(works: Sequence[Work], rng: random.Random) -> Work:
    return rng.choices(works, [len(work.song.bars) for work in works])[0]
