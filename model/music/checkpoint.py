"""The checkpoint of the music side: network, start of phi, inner rates, index of the training works, card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from model.errors import CheckpointFormatError, CheckpointMissingError
from model.formats import METADATA_KEY, checkpoint_hash, default_checkpoint
from model.music.network import Network
from model.music.vocabulary import VOCABULARY
from model.sequence.network import NetworkConfig, PhiModule

MUSIC_FORMAT = "fewstroke-music/1"


@dataclass(frozen=True)
class MusicBase:
    """A loaded checkpoint; the network is in evaluation mode and takes no gradients."""

    network: Network
    phi: dict[str, Tensor]  # the start, without the task dimension
    rates: dict[str, Tensor]  # learned inner rates: (steps,) by tensor of phi
    index: dict[str, Tensor]  # of the training works, see ``model.music.originality``
    header: dict[str, Any]
    hash: str


def default_music_checkpoint() -> Path:
    """The checkpoint that is shipped with the package."""
    return default_checkpoint("music")


def save_music(
    path: Path,
    network: Mapping[str, Tensor],
    config: NetworkConfig,
    phi: Mapping[str, Tensor],
    rates: Mapping[str, Tensor],
    index: Mapping[str, Tensor],
    about: Mapping[str, Any],
) -> None:
    """Write a checkpoint, weights in fp16, atomically. ``about``: its card, and the names in the index."""
    tensors = {f"network/{k}": v.detach().half() for k, v in network.items()}
    tensors |= {f"phi/{k}": v.detach().half() for k, v in phi.items()}
    tensors |= {f"rates/{k}": v.detach().float() for k, v in rates.items()}
    tensors |= {f"index/{k}": v for k, v in index.items()}
    header = {"format": MUSIC_FORMAT, "network": config.to_dict(), "tokens": VOCABULARY.size, **about}
    temporary = path.with_suffix(".tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {k: v.contiguous().cpu().clone() for k, v in tensors.items()},
        temporary,
        metadata={METADATA_KEY: json.dumps(header, sort_keys=True)},
    )
    temporary.chmod(0o644)
    temporary.replace(path)


def load_music(path: Path | None = None) -> MusicBase:
    """Read a checkpoint; raises ``CheckpointMissingError`` or ``CheckpointFormatError``."""
    path = path or default_music_checkpoint()
    if not path.exists():
        raise CheckpointMissingError(
            f"no music checkpoint at {path}: train one with `fewstroke music-train`, or name another file"
        )
    digest = checkpoint_hash(path)
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})[METADATA_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if header["format"] != MUSIC_FORMAT or header["tokens"] != VOCABULARY.size:
            raise CheckpointFormatError(f"{path} has format {header['format']!r}, expected {MUSIC_FORMAT!r}")
        network = Network(NetworkConfig(**header["network"]))
        network.load_state_dict(_part(tensors, "network/"))
        phi = _part(tensors, "phi/")
        shapes = {
            name: value.shape for name, value in PhiModule(network.config, VOCABULARY.size).tensors().items()
        }
        if {name: value.shape for name, value in phi.items()} != shapes:
            raise CheckpointFormatError(f"{path}: phi does not fit the network")
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointFormatError(f"{path} is no music checkpoint of Fewstroke: {error}") from error
    network.eval().requires_grad_(False)
    index = {name.removeprefix("index/"): v for name, v in tensors.items() if name.startswith("index/")}
    return MusicBase(network, phi, _part(tensors, "rates/"), index, header, digest)


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v.float() for k, v in tensors.items() if k.startswith(prefix)}
