"""Training on poems: those of one length together, and tasks of one poet's poems."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.maml import LossFn, Params, Task
from model.sequence.network import PhiModule, token_loss
from model.sequence.objective import Batch, joined_batches
from model.sequence.training import SequenceTraining, SequenceTrainingConfig
from model.text.originality import RunIndex
from model.text.poems.alphabet import make_alphabet, rhyme_book
from model.text.poems.checkpoint import joined, packed, save_poems, searchable
from model.text.poems.encoding import LONGEST_BODY, EncodedPoem, encode, stack
from model.text.poems.forms import tunes_of
from model.text.poems.network import PoemNetwork
from model.text.poems.prior import Bigrams
from model.text.poems.works import Poet, all_text, chosen

_BUCKET = 12  # characters: poems whose lengths differ by less are trained on together


@dataclass(frozen=True)
class PoemsTrainingConfig(SequenceTrainingConfig):
    """Everything that a training depends on beside its poems."""

    characters: int = 4700
    batch: int = 2048  # characters of a joint step, padding among them
    lr: float = 3e-3
    inner_lr: float = 0.003
    bias_lr: float = 0.05  # of the one number for each character, of which few are met in a step
    tasks: int = 3
    support: int = 12  # poems of a task
    read: int = 8  # of them in an inner step
    query: int = 8  # poems


class PoemLoss:
    """(phi of B poets, their poems) -> nats a character, (B,), for poems that the bigrams were counted on."""

    def __init__(self, network: PoemNetwork, *, amp: bool = False) -> None:
        self.network, self.amp = network, amp

    def __call__(self, phi: Params, batch: Batch) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.amp):
            logits = self.network(batch.inputs, phi)
        assert self.network.bigrams is not None
        less = self.network.bigrams.without_itself(batch.inputs, batch.targets)
        own = batch.targets.clamp(min=0)[..., None]
        logits = logits.float().scatter_add(-1, own, less[..., None])
        return token_loss(logits, batch.targets, len(phi["bias"]))


class PoemsTraining(SequenceTraining):
    """One training on poems. ``poets``: all of them; those that are not for training are left out."""

    config: PoemsTrainingConfig
    network: PoemNetwork

    def __init__(
        self, config: PoemsTrainingConfig, poets: Sequence[Poet], book: Mapping[str, str] | None = None
    ) -> None:
        poets = sorted(chosen(poets, "training"), key=lambda poet: poet.name)
        self.poets = poets
        self.tunes = tunes_of([poem for poet in poets if poet.kind == "ci" for poem in poet.poems])
        self._human: dict[str, float] | None = None
        self.alphabet = make_alphabet(
            all_text(poets), rhyme_book() if book is None else book, config.characters
        )
        self.poems = [[encode(poem, p.kind, self.alphabet) for poem in p.poems] for p in poets]
        self.known = joined([poem for poems in self.poems for poem in poems])
        torch.manual_seed(config.seed)
        network = PoemNetwork(config.network, self.alphabet.size)
        super().__init__(
            config,
            network,
            PhiModule(config.network, network.tokens.num_embeddings),
            [poet.name for poet in poets],
            "poems.safetensors",
        )
        self.network.bigrams = Bigrams(self.known, self.network.tokens.num_embeddings, self.alphabet.size)

    def initial_rates(self, names: Iterable[str]) -> dict[str, float]:
        """``bias_lr`` for the bias, ``inner_lr`` for the rest."""
        c = self.config
        return {name: c.bias_lr if name == "bias" else c.inner_lr for name in names}

    def make_loss(self) -> LossFn:
        """With the pairs of each poem itself left out of what is usual."""
        return PoemLoss(self.network, amp=self.config.amp)

    @cached_property
    def _packed(self) -> Tensor:
        return packed(self.known)

    @cached_property
    def buckets(self) -> dict[int, list[tuple[int, EncodedPoem]]]:
        """Poems with the number of their poet, by their length."""
        found: dict[int, list[tuple[int, EncodedPoem]]] = {}
        for row, poems in enumerate(self.poems):
            for poem in poems:
                length = min(len(poem.body), LONGEST_BODY)
                found.setdefault(-(-length // _BUCKET) * _BUCKET, []).append((row, poem))
        return found

    def joint_batch(self, rng: random.Random) -> tuple[Batch, list[int]]:
        """Poems of about one length, as many as there is room for; every character equally often."""
        lengths = list(self.buckets)
        length = rng.choices(lengths, [n * len(self.buckets[n]) for n in lengths])[0]
        drawn = rng.choices(self.buckets[length], k=max(1, self.config.batch // (length + 5)))
        return stack([poem for _, poem in drawn], self.alphabet, rng), [row for row, _ in drawn]

    def task(self, rng: random.Random) -> Task[Batch, Batch]:
        """Poets with at least three poems; those of the query are not in the support."""
        c = self.config
        divided = []
        for poems in rng.sample([p for p in self.poems if len(p) > 2], c.tasks):
            mixed = rng.sample(poems, len(poems))
            cut = min(c.support, len(poems) * 2 // 3)
            divided.append((mixed[:cut], mixed[cut : cut + c.query]))

        def support(step: int) -> Batch:
            drawn = [rng.choices(poems, k=c.read) for poems, _ in divided]
            return _padded([stack(poems, self.alphabet, rng) for poems in drawn])

        queries = [[poems[i % len(poems)] for i in range(c.query)] for _, poems in divided]
        query = _padded([stack(poems, self.alphabet, rng) for poems in queries])
        return Task(support=support, query=query, size=len(divided))

    def write(self, path: Path, rates: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
        """With the training poems, to compare with."""
        about: dict[str, Any] = {
            "data": "npm chinese-poetry 2.0.1 (MIT): Tang and Song shi, Song ci, Yuan qu",
            "rhymes": "Pingshui, see model/text/poems/pingshui.txt (MIT)",
            "poets": len(self.names),
            "poems": sum(map(len, self.poems)),
            "licence": "public domain (poems), MIT (their compilation), Apache-2.0 (weights)",
        }
        if self._human is None:
            self._human = human_baseline(self.poems, searchable(self.known))
        save_poems(
            path,
            self.alphabet,
            self.network,
            self.start.tensors(),
            rates,
            self._packed,
            {
                "card": about | dict(card),
                "poets": [[poet.name.split("_", 1)[-1], len(poet.poems)] for poet in self.poets],
                "tunes": self.tunes,
                "human": self._human,
            },
        )


def human_baseline(
    poems: Sequence[Sequence[EncodedPoem]], index: RunIndex, *, count: int = 200, seed: int = 0
) -> dict[str, float]:
    """What a poem shares with the poems of other poets: the measure of what is usual.

    Args:
        poems: of each poet.
        index: of all of them, in this order.
        count: poems that are compared, of poets drawn at random.
        seed: of the draw.

    Returns:
        Percentiles 50 and 95 of the longest run, the mean share of 3-grams, and the number of poems.
    """
    rng = random.Random(seed)
    firsts = np.cumsum([0, *map(len, poems)])
    found = []
    for row in rng.choices(range(len(poems)), k=count):
        own = range(int(firsts[row]), int(firsts[row + 1]))
        found.append(index.compare(rng.choice(poems[row]).body, leave_out=own))
    runs = np.array([shared.longest for shared in found])
    return {
        "longest_50": float(np.percentile(runs, 50)),
        "longest_95": float(np.percentile(runs, 95)),
        "share": float(np.mean([shared.share for shared in found])),
        "poems": count,
    }


def _padded(batches: Sequence[Batch]) -> Batch:
    length = max(batch.inputs.shape[1] for batch in batches)
    wider = []
    for batch in batches:
        missing = length - batch.inputs.shape[1]
        inputs = torch.nn.functional.pad(batch.inputs, (0, 0, 0, missing))
        wider.append(Batch(inputs, torch.nn.functional.pad(batch.targets, (0, missing), value=-1)))
    return joined_batches(wider)
