"""The loss that phi goes down, in training and when a style is learned, and the rates it goes down at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.maml import Granularity, LearningRates, Params
from model.sequence.network import SequenceNetwork, token_loss

BETAS = (0.9, 0.95)  # of the inner Adam


@dataclass(frozen=True)
class Batch:
    """Sequences for the loss: (S, T, features) inputs and (S, T) targets, -1 where nothing is predicted."""

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.inputs)


def joined_batches(batches: Sequence[Batch]) -> Batch:
    """Batches below each other."""
    return Batch(torch.cat([b.inputs for b in batches]), torch.cat([b.targets for b in batches]))


class SequenceLoss:
    """(phi of B styles, their sequences) -> nats a token, (B,)."""

    def __init__(self, network: SequenceNetwork, *, amp: bool = False) -> None:
        self.network, self.amp = network, amp

    def __call__(self, phi: Params, batch: Batch) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.amp):
            logits = self.network(batch.inputs, phi)
        return token_loss(logits, batch.targets, len(phi["bias"]))


def stored_rates(rates: Mapping[str, Tensor], phi: Mapping[str, Tensor]) -> LearningRates:
    """The learned inner rates of a checkpoint, fixed; steps beyond theirs use the last."""
    steps = len(next(iter(rates.values())))
    shapes = {name: value.shape for name, value in phi.items()}
    learned = LearningRates(shapes, 0.01, granularity=Granularity.TENSOR_STEP, steps=steps)
    learned.load_state_dict({"log_rates": torch.stack([rates[name] for name in shapes]).log()})
    return learned
