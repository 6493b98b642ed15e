"""Training of the start and the inner rates of phi; the language model stays as it is.

Jointly on passages of all training authors first, so that phi begins in prose of this kind; then tasks: phi
takes a few steps on passages of some works of an author, and is judged on passages of others.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from model.maml import LossFn, Task
from model.sequence.objective import Batch
from model.sequence.training import SequenceTraining, SequenceTrainingConfig
from model.text.stories.base import StoriesBase, StoryLoss, save_stories
from model.text.stories.known import bloom
from model.text.stories.llama import Llama, LowRank
from model.text.stories.passages import ASKED, READ, asked, passages, stack, support_batches, word_numbers
from model.text.stories.works import Author, chosen, read_parts


@dataclass(frozen=True)
class StoriesTrainingConfig(SequenceTrainingConfig):
    """Everything that a training depends on beside its works."""

    batch: int = 4  # passages of a joint step
    lr: float = 2e-3
    warm_up: int = 8
    own_share: float = 0.0
    inner_lr: float = 0.002
    inner_steps: int = 4
    rates_lr: float = 0.05
    tasks: int = 1
    start_weight: float = 0.0
    query: int = 2  # passages


class StoriesTraining(SequenceTraining):
    """One training on prose. ``authors``: all of them; those that are not for training are left out."""

    config: StoriesTrainingConfig
    network: Llama

    def __init__(self, config: StoriesTrainingConfig, base: StoriesBase, authors: Sequence[Author]) -> None:
        authors = chosen(authors, "training")
        parts = read_parts(authors)
        self.passages = [
            [own for own in passages(works, base.tokenizer) if own] for works in parts
        ]  # author, work, passage
        self.known = np.concatenate(
            [np.append(word_numbers(work.text), np.uint32(0)) for works in parts for work in works]
        )
        self.before = base.tokenizer.encode(asked(ASKED)).ids
        super().__init__(
            config,
            base.network,
            LowRank(base.network.shape),
            [author.name for author in authors],
            "stories.safetensors",
        )

    def make_loss(self) -> LossFn:
        """Nats a token."""
        return StoryLoss(self.network)

    def joint_batch(self, rng: random.Random) -> tuple[Batch, list[int]]:
        """Passages of authors who are not the same."""
        rows = rng.sample(range(len(self.names)), self.config.batch)
        return stack([rng.choice(rng.choice(self.passages[row])) for row in rows], self.before), rows

    def task(self, rng: random.Random) -> Task[Batch, Batch]:
        """One author; works of the query are not in the support."""
        own = self.passages[rng.randrange(len(self.names))]
        works = rng.sample(own, len(own))
        cut = min(4, len(works) - 1)
        query = [rng.choice(rng.choice(works[cut:])) for _ in range(self.config.query)]
        support = support_batches(works[:cut], self.before, rng.randrange(2**31), read=READ)
        return Task(support=support, query=stack(query, self.before), size=1)

    def write(self, path: Path, rates: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
        """Start and rates, and which runs of words training read."""
        about = {
            "data": "excerpts of English prose from Project Gutenberg",
            "words": int((self.known != 0).sum()),
            "authors": self.names,
            "licence": "public domain in the USA (prose), Apache-2.0 (weights)",
        }
        header = {"card": about | dict(card), "shape": asdict(self.network.shape)}
        save_stories(path, self.start.tensors(), rates, bloom(self.known), header)
