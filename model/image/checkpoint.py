"""Loads and saves the base checkpoint: networks, learned inner rates, critics, and what they saw."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from model.errors import CheckpointFormatError
from model.formats import BASE_FORMAT, METADATA_KEY, checkpoint_hash, default_checkpoint
from model.image.losses.critic import Critic, CriticConfig
from model.image.network.networks import Networks
from model.image.network.style_encoder import EncoderConfig
from model.image.network.stylizer import StylizerConfig
from model.maml import LearningRates


@dataclass(frozen=True)
class Base:
    """A loaded base checkpoint."""

    networks: Networks
    rates: dict[str, Tensor]  # learned inner rates, ``<level>/<tensor of phi>``: (steps,)
    header: dict[str, Any]
    hash: str
    critics: dict[int, Critic] = field(default_factory=dict)  # of the fine levels, where they were trained


def phi_shapes(networks: Networks) -> dict[str, torch.Size]:
    """Shape of every tensor of phi, without the batch."""
    embedding = torch.zeros(1, networks.encoder.config.embedding, device=networks.encoder.center.device)
    with torch.no_grad():
        return {name: value.shape[1:] for name, value in networks.encoder.decode(embedding, 0).items()}


def save_base(
    path: Path,
    networks: Networks,
    rates: dict[str, Tensor],
    card: dict[str, Any],
    *,
    critics: Mapping[int, Critic] | None = None,
) -> None:
    """Write a checkpoint in fp16, atomically. ``card``: data, steps, time, device, licence …"""
    tensors = {f"networks/{k}": v.detach().half() for k, v in networks.state_dict().items()}
    tensors |= {f"rates/{k}": v.detach().float() for k, v in rates.items()}
    header: dict[str, Any] = {
        "format": BASE_FORMAT,
        "stylizer": networks.stylizer.config.to_dict(),
        "encoder": networks.encoder.config.to_dict(),
        "card": card,
    }
    for level, critic in (critics or {}).items():
        tensors |= {f"critics/{level}/{k}": v.detach().half() for k, v in critic.state_dict().items()}
        header.setdefault("critics", {})[str(level)] = critic.config.to_dict()
    temporary = path.with_suffix(".tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {k: v.contiguous().cpu().clone() for k, v in tensors.items()},
        temporary,
        metadata={METADATA_KEY: json.dumps(header, sort_keys=True)},
    )
    temporary.chmod(0o644)
    temporary.replace(path)


def load_base(path: Path | None = None, device: torch.device | str = "cpu") -> Base:
    """Read a checkpoint; raises ``CheckpointMissingError`` or ``CheckpointFormatError``."""
    path = path or default_checkpoint()
    digest = checkpoint_hash(path)
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})[METADATA_KEY])
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        if header["format"] != BASE_FORMAT:
            raise CheckpointFormatError(f"{path} has format {header['format']!r}, expected {BASE_FORMAT!r}")
        networks = Networks(StylizerConfig(**header["stylizer"]), EncoderConfig(**header["encoder"]))
        networks.load_state_dict(_part(tensors, "networks/"))
        critics = {}
        for level, config in header.get("critics", {}).items():
            critic = Critic(CriticConfig(**config))
            critic.load_state_dict(_part(tensors, f"critics/{level}/"))
            critics[int(level)] = critic.to(device).eval().requires_grad_(False)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointFormatError(f"{path} is no base checkpoint of Fewstroke: {error}") from error
    networks = networks.to(device).eval().requires_grad_(False)
    return Base(networks, _part(tensors, "rates/"), header, digest, critics)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): v for name, v in tensors.items() if name.startswith(prefix)}


def rates_table(rates: LearningRates, names: list[str], steps: int) -> dict[str, Tensor]:
    """The learned rates as (steps,) tensors by name, for the checkpoint."""
    with torch.no_grad():
        return {name: torch.stack([rates(name, step) for step in range(steps)]) for name in names}
