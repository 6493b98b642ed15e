"""The loss that phi goes down, in training and when a composer is learned."""

from __future__ import annotations

import torch
from torch import Tensor

from model.maml import Params
from model.music.network import Network, token_loss
from model.music.windows import Batch

BETAS = (0.9, 0.95)  # of the inner Adam


class SongLoss:
    """(phi of B composers, their stretches) -> nats a token, (B,)."""

    def __init__(self, network: Network, *, amp: bool = False) -> None:
        self.network, self.amp = network, amp

    def __call__(self, phi: Params, batch: Batch) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.amp):
            logits = self.network(batch.inputs, phi)
        return token_loss(logits, batch.targets, len(phi["bias"]))
