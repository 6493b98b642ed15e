"""Chooses where a training begins: new networks, a checkpoint of levels, or one of a single pass."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from model.formats import BASE_FORMAT, METADATA_KEY
from model.image.checkpoint import load_base
from model.image.losses.critic import Critic
from model.image.network.networks import Networks
from model.image.network.style_encoder import EncoderConfig
from model.image.network.stylizer import StylizerConfig


def begin(start: Path | None) -> tuple[Networks, dict[str, Tensor], dict[int, Critic]]:
    """Networks to train, and the inner rates and critics that came with them ({} when there were none)."""
    if start is None:
        return Networks(StylizerConfig(rank=16)), {}, {}
    with safe_open(start, framework="pt") as file:
        header = json.loads((file.metadata() or {})[METADATA_KEY])
        if header["format"] == BASE_FORMAT:
            base = load_base(start)
            critics = {level: critic.requires_grad_(True) for level, critic in base.critics.items()}
            return base.networks.train().requires_grad_(True), base.rates, critics
        tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    return _from_one_pass(header, tensors), {}, {}


def _from_one_pass(header: dict[str, dict[str, int]], tensors: dict[str, Tensor]) -> Networks:
    """A checkpoint of format 1: its one head and its low-rank directions become those of every level."""
    networks = Networks(StylizerConfig(**header["stylizer"]), EncoderConfig(**header["encoder"]))  # type: ignore[arg-type]
    wanted = networks.state_dict()
    for name in wanted:
        found = tensors[f"networks/{_of_one_pass(name)}"]
        wanted[name] = found.expand(wanted[name].shape).clone() if found.ndim < wanted[name].ndim else found
    networks.load_state_dict(wanted)
    return networks


def _of_one_pass(name: str) -> str:
    parts = name.split(".")
    if parts[:2] == ["encoder", "heads"]:
        return ".".join(["encoder", "head", *parts[3:]])
    return name


@torch.no_grad()
def calibrate(networks: Networks, descriptions: list[list[Tensor]]) -> None:
    """Measure the encoder's input normalisation of each level, by ``descriptions`` (K, D) of many tasks."""
    for level, found in enumerate(descriptions):
        every = torch.cat(found)
        networks.encoder.center[level] = every.mean(0)
        networks.encoder.scale[level] = every.std(0).clamp_min(0.05)
