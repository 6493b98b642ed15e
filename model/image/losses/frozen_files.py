"""Loads the weights of the perceptual networks from a safetensors file, and freezes them."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from model.errors import CheckpointFormatError, CheckpointMissingError


def load_frozen(module: nn.Module, path: Path, name: str, script: str) -> None:
    """Fill the module with the tensors of a file, and freeze it, channels-last.

    ``name``: what the file should hold, ``script``: what makes it; both for messages. Raises
    ``CheckpointMissingError`` when the file is not there and ``CheckpointFormatError`` when it does not fit.
    """
    if not path.is_file():
        raise CheckpointMissingError(f"no perceptual weights at {path}; make them with {script}")
    try:
        tensors = {key: tensor.float() for key, tensor in load_file(path).items()}
        module.load_state_dict(tensors, strict=True)
    except (SafetensorError, RuntimeError) as error:
        raise CheckpointFormatError(f"{path} does not hold the {name} trunk: {error}") from error
    module.eval().requires_grad_(False)
    module.to(memory_format=torch.channels_last)
