"""The checkpoint of poems: alphabet, network, start of phi, inner rates, the training poems, card."""

from __future__ import annotations

import json
import lzma
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from model.errors import CheckpointFormatError, CheckpointMissingError
from model.formats import METADATA_KEY, checkpoint_hash
from model.sequence.network import NetworkConfig, PhiModule
from model.text.originality import RunIndex
from model.text.poems.alphabet import Alphabet
from model.text.poems.encoding import EncodedPoem
from model.text.poems.limits import LEAST_COPIED
from model.text.poems.network import PoemNetwork
from model.text.poems.prior import LINE, UNKNOWN, Bigrams

POEMS_FORMAT = "fewstroke-poems/1"


@dataclass(frozen=True)
class PoemsBase:
    """A loaded checkpoint; the network is in evaluation mode and takes no gradients."""

    alphabet: Alphabet
    network: PoemNetwork
    phi: dict[str, Tensor]  # the start, without the task dimension
    rates: dict[str, Tensor]  # learned inner rates: (steps,) by tensor of phi
    known: RunIndex  # the training poems
    header: dict[str, Any]
    hash: str


def default_poems_checkpoint() -> Path:
    """The checkpoint that is shipped with the package."""
    return Path(__file__).parent.parent.parent / "weights" / "poems.safetensors"


def joined(poems: Sequence[EncodedPoem]) -> NDArray[np.uint16]:
    """The characters of poems one after the other, ``LINE`` after each line and 0 after each poem.

    A character that the alphabet lacks is ``UNKNOWN``, not the 0 of ``Alphabet.numbers``.
    """
    flat: list[int] = []
    for poem in poems:
        at = 0
        for length, _ in poem.layout:
            flat += [*(number or UNKNOWN for number in poem.body[at : at + length]), LINE]
            at += length
        flat.append(0)
    return np.array(flat, np.uint16)


def searchable(lines: NDArray[np.uint16]) -> RunIndex:
    """Joined poems, ready to be searched: no run goes over an unknown character."""
    known = lines[lines != LINE]
    starts = np.append(0, np.flatnonzero(known == 0) + 1)[:-1]
    return RunIndex(np.where(known == UNKNOWN, 0, known).astype(np.uint16), LEAST_COPIED, starts)


def packed(known: NDArray[np.uint16]) -> Tensor:
    """Joined poems as bytes packed by lzma: about 1.7 bytes a character."""
    return torch.from_numpy(np.frombuffer(lzma.compress(known.astype("<u2").tobytes()), np.uint8).copy())


def save_poems(
    path: Path,
    alphabet: Alphabet,
    network: PoemNetwork,
    phi: Mapping[str, Tensor],
    rates: Mapping[str, Tensor],
    known: Tensor,
    about: Mapping[str, Any],
) -> None:
    """Write a checkpoint, weights in fp16, ``known`` as ``packed`` makes it, atomically."""
    tensors = {f"network/{k}": v.detach().half() for k, v in network.state_dict().items()}
    tensors |= {f"phi/{k}": v.detach().half() for k, v in phi.items()}
    tensors |= {f"rates/{k}": v.detach().float() for k, v in rates.items()}
    tensors["known"] = known
    header = {
        "format": POEMS_FORMAT,
        "network": network.config.to_dict(),
        "alphabet": alphabet.to_dict(),
        **about,
    }
    temporary = path.with_suffix(".tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {k: v.contiguous().cpu().clone() for k, v in tensors.items()},
        temporary,
        metadata={METADATA_KEY: json.dumps(header, sort_keys=True, ensure_ascii=False)},
    )
    temporary.chmod(0o644)
    temporary.replace(path)


def load_poems(path: Path | None = None) -> PoemsBase:
    """Read a checkpoint; raises ``CheckpointMissingError`` or ``CheckpointFormatError``."""
    path = path or default_poems_checkpoint()
    if not path.exists():
        raise CheckpointMissingError(
            f"no checkpoint of poems at {path}: train one with `fewstroke text-train`, or name another file"
        )
    digest = checkpoint_hash(path)
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})[METADATA_KEY])
            if header["format"] != POEMS_FORMAT:
                raise CheckpointFormatError(
                    f"{path} has format {header['format']!r}, expected {POEMS_FORMAT!r}"
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        alphabet = Alphabet.from_dict(header.pop("alphabet"))
        network = PoemNetwork(NetworkConfig(**header["network"]), alphabet.size)
        network.load_state_dict(_part(tensors, "network/"))
        phi = _part(tensors, "phi/")
        start = PhiModule(network.config, network.tokens.num_embeddings).tensors()
        if {name: value.shape for name, value in phi.items()} != {k: v.shape for k, v in start.items()}:
            raise CheckpointFormatError(f"{path}: phi does not fit the network")
        lines = np.frombuffer(lzma.decompress(tensors["known"].numpy().tobytes()), "<u2")
        network.bigrams = Bigrams(lines, network.tokens.num_embeddings, alphabet.size)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError, lzma.LZMAError) as error:
        raise CheckpointFormatError(f"{path} is no checkpoint of poems of Fewstroke: {error}") from error
    network.eval().requires_grad_(False)
    return PoemsBase(alphabet, network, phi, _part(tensors, "rates/"), searchable(lines), header, digest)


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v.float() for k, v in tensors.items() if k.startswith(prefix)}
