"""What stories are made with: the frozen language model, and the checkpoint with start and rates of phi."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from model.errors import CheckpointFormatError
from model.formats import METADATA_KEY
from model.maml import Params
from model.sequence.network import token_loss
from model.sequence.objective import Batch
from model.text.stories.limits import DEFAULT_STEPS, shipped_checkpoint, stories_hash
from model.text.stories.llama import Llama, LowRank, load_language_model
from model.text.stories.package import language_model

if TYPE_CHECKING:
    from tokenizers import Tokenizer

STORIES_FORMAT = "fewstroke-stories/1"
RATE = 0.002  # of Adam, where no rates were learned


@dataclass(frozen=True)
class StoriesBase:
    """Everything loaded; the network takes no gradients.

    Attributes:
        network: the language model.
        tokenizer: its own.
        phi: the start, without the task dimension.
        rates: inner rates: (steps,) by tensor of phi.
        known: of 8 words of the training works, see ``model.text.stories.known``; empty without training.
        header: of the checkpoint.
        hash: of language model and checkpoint together.
    """

    network: Llama
    tokenizer: Tokenizer
    phi: dict[str, Tensor]
    rates: dict[str, Tensor]
    known: Tensor
    header: dict[str, Any]
    hash: str


class StoryLoss:
    """(phi of B authors, their passages) -> nats a token, (B,)."""

    def __init__(self, network: Llama) -> None:
        self.network = network

    def __call__(self, phi: Params, batch: Batch) -> Tensor:
        return token_loss(self.network(batch.inputs, phi), batch.targets, len(phi["q_up"]))


def save_stories(
    path: Path,
    phi: Mapping[str, Tensor],
    rates: Mapping[str, Tensor],
    known: Tensor,
    about: Mapping[str, Any],
) -> None:
    """Write start and rates, phi in fp16, atomically. ``about``: the card."""
    tensors = {f"phi/{k}": v.detach().half().contiguous().clone() for k, v in phi.items()}
    tensors |= {f"rates/{k}": v.detach().float().contiguous().clone() for k, v in rates.items()}
    tensors["known"] = known.contiguous().clone()
    temporary = path.with_suffix(".tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {"format": STORIES_FORMAT, **about}
    save_file(tensors, temporary, metadata={METADATA_KEY: json.dumps(header, sort_keys=True)})
    temporary.chmod(0o644)
    temporary.replace(path)


def load_stories(folder: Path, checkpoint: Path | None = None) -> StoriesBase:
    """The language model, converted into ``folder`` where it is not yet, and the checkpoint.

    ``checkpoint``: default the shipped one, where it fits the language model; else phi begins at no effect
    and all rates are ``RATE``.

    Raises:
        StoriesUnavailableError: the language model's package is not installed.
        CheckpointFormatError: one of the files is damaged, or they do not fit each other.
    """
    model = language_model(folder)
    network, tokenizer, _ = load_language_model(model)
    start = {name: value.detach() for name, value in LowRank(network.shape).tensors().items()}
    rates = {name: torch.full((DEFAULT_STEPS,), RATE) for name in start}
    known, header, digest = (
        torch.zeros(0, dtype=torch.uint8),
        dict[str, Any](),
        stories_hash(model, checkpoint),
    )
    path = checkpoint or shipped_checkpoint(model)
    if path is not None:
        try:
            with safe_open(path, framework="pt") as file:
                header = json.loads((file.metadata() or {})[METADATA_KEY])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if header["format"] != STORIES_FORMAT:
                raise CheckpointFormatError(f"{path} has format {header['format']!r}, not {STORIES_FORMAT!r}")
            learned, rates = _part(tensors, "phi/"), _part(tensors, "rates/")
            if {k: v.shape for k, v in learned.items()} != {k: v.shape for k, v in start.items()}:
                raise CheckpointFormatError(f"{path}: phi does not fit the language model")
            start, known = learned, tensors["known"]
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise CheckpointFormatError(
                f"{path} is no checkpoint of stories of Fewstroke: {error}"
            ) from error
    return StoriesBase(network, tokenizer, start, rates, known, header, digest)


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v.float() for k, v in tensors.items() if k.startswith(prefix)}
