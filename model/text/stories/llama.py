"""A language model of the Llama architecture, frozen, with a low-rank phi beside its attention.

Own code for two reasons: phi of B authors has to stand side by side in one batch, in the inner loop as pure
tensors and when stories of several owners are written together, which a model with adapters built in cannot;
and the import of transformers takes longer than loading this model. Rotary positions turn neighbouring pairs,
as GGUF orders the weights.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional as F

from model.device import prefers_bf16
from model.errors import CheckpointFormatError
from model.formats import METADATA_KEY
from model.maml import Params
from model.sequence.network import PhiStart
from model.text.stories.package import LM_FORMAT

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True)
class Shape:
    """Of the network."""

    width: int
    layers: int
    heads: int
    kv_heads: int
    hidden: int
    tokens: int
    rope: float
    epsilon: float


class Cache:
    """The key-value cache of S sequences, or of the first of them only."""

    def __init__(self, shape: Shape, rows: int, room: int) -> None:
        size = (shape.layers, rows, shape.kv_heads, room, shape.width // shape.heads)
        self.keys, self.values = torch.zeros(size), torch.zeros(size)
        self.length = 0

    def keep(self, row: int, begin: int, length: int) -> None:
        """Continue all sequences from the first ``length`` tokens of one; up to ``begin`` they are alike."""
        for kept in (self.keys, self.values):
            kept[:, :, :, begin:length] = kept[:, row : row + 1, :, begin:length].clone()
        self.length = length

    def positions(self, length: int) -> Tensor:
        """Those of the next ``length`` tokens."""
        return torch.arange(self.length, self.length + length)

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """The attention of the next tokens to all before them, and to themselves, whose keys are stored."""
        rows, _, length, _ = q.shape
        used = self.length + length
        keys, values = self.keys[layer, :rows], self.values[layer, :rows]
        keys[:, :, self.length : used] = k
        values[:, :, self.length : used] = v
        mask = None
        if length > 1 and self.length:
            mask = torch.ones(length, used, dtype=torch.bool).tril(self.length)
        return _attend(q, keys[:, :, :used], values[:, :, :used], mask)

    def advance(self, length: int) -> None:
        """Count the next ``length`` tokens as read."""
        self.length += length


class CacheBatch:
    """Several caches, each with all of its sequences, side by side in a batch; their lengths may differ."""

    def __init__(self, caches: Sequence[Cache]) -> None:
        self.caches = caches
        self.rows = [cache.keys.shape[1] for cache in caches]

    def positions(self, length: int) -> Tensor:
        """Those of the next ``length`` tokens of each sequence: (S, 1, length)."""
        each = [m.positions(length).expand(n, 1, -1) for m, n in zip(self.caches, self.rows, strict=True)]
        return torch.cat(each)

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See ``Cache.attend``."""
        parts = zip(self.caches, *(torch.split(x, self.rows) for x in (q, k, v)), strict=True)
        return torch.cat([cache.attend(layer, *own) for cache, *own in parts])

    def advance(self, length: int) -> None:
        """Count the next ``length`` tokens of each sequence as read."""
        for cache in self.caches:
            cache.advance(length)


class Llama(nn.Module):
    """Tokens -> logits of the next. Its own weights take no gradients.

    They are kept in bfloat16 where the processor computes in it, else in float32: emulated products take
    seven times as long.

    Args:
        shape: of the network.
        weights: by name, as ``model.text.stories.package`` writes them.
    """

    def __init__(self, shape: Shape, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.shape = shape
        self.precision = torch.bfloat16 if prefers_bf16(torch.device("cpu")) else torch.float32
        for name, value in weights.items():
            kept = value.to(self.precision) if value.ndim == 2 else value.float()
            self.register_buffer(name.replace(".", "_"), kept, persistent=False)  # no training moves it

    def _of(self, name: str) -> Tensor:
        return self.get_buffer(name.replace(".", "_"))

    def forward(
        self,
        inputs: Tensor,
        phi: Params | None = None,
        cache: Cache | CacheBatch | None = None,
        *,
        last: bool = False,
    ) -> Tensor:
        """Logits.

        Args:
            inputs: (S, T) int.
            phi: tensors with a leading dimension B that divides S, see ``LowRank``; None: the model itself.
            cache: what was read of the S sequences, which is moved on.
            last: only after the last token.

        Returns:
            (S, T, tokens), or (S, 1, tokens) with ``last``.
        """
        s = self.shape
        x = F.embedding(inputs, self._of("tokens")).float()
        length = inputs.shape[1]
        turns = self._turns(torch.arange(length) if cache is None else cache.positions(length), inputs.device)
        each = len(inputs) // len(next(iter(phi.values()))) if phi else 1
        for layer in range(s.layers):
            x = self._block(x, layer, turns, phi, each, cache)
        if cache is not None:
            cache.advance(length)
        if last:
            x = x[:, -1:]
        return self._linear(self._norm(x, "norm"), "tokens")

    def _block(
        self,
        x: Tensor,
        layer: int,
        turns: tuple[Tensor, Tensor],
        phi: Params | None,
        each: int,
        cache: Cache | CacheBatch | None,
    ) -> Tensor:
        s = self.shape
        rows, length, d = x.shape
        normed = self._norm(x, f"blocks.{layer}.norm_1")
        q = self._linear(normed, f"blocks.{layer}.q")
        v = self._linear(normed, f"blocks.{layer}.v")
        if phi is not None:
            q = q + _low_rank(normed, phi, "q", layer, each)
            v = v + _low_rank(normed, phi, "v", layer, each)
        k = self._linear(normed, f"blocks.{layer}.k")
        q = _turn(q.view(rows, length, s.heads, -1).transpose(1, 2), turns)
        k = _turn(k.view(rows, length, s.kv_heads, -1).transpose(1, 2), turns)
        v = v.view(rows, length, s.kv_heads, -1).transpose(1, 2)
        mixed = _attend(q, k, v) if cache is None else cache.attend(layer, q, k, v)
        mixed = mixed.transpose(1, 2).reshape(rows, length, d)
        x = x + self._linear(mixed, f"blocks.{layer}.out")
        normed = self._norm(x, f"blocks.{layer}.norm_2")
        gate = F.silu(self._linear(normed, f"blocks.{layer}.gate"))
        wide = gate * self._linear(normed, f"blocks.{layer}.wide")
        return x + self._linear(wide, f"blocks.{layer}.narrow")

    def _linear(self, x: Tensor, name: str) -> Tensor:
        """In the weights' precision: bfloat16 halves what has to be read for every token; sums stay exact."""
        return F.linear(x.to(self.precision), self._of(name)).float()

    def _norm(self, x: Tensor, name: str) -> Tensor:
        return F.rms_norm(x, (self.shape.width,), self._of(name), self.shape.epsilon)

    def _turns(self, positions: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
        width = self.shape.width // self.shape.heads
        rates = self.shape.rope ** (-torch.arange(0, width, 2, device=device) / width)
        angles = positions.to(device)[..., None] * rates
        return angles.cos(), angles.sin()


def _attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    causal = q.shape[2] > 1 and mask is None
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal, enable_gqa=True)


def _turn(x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    cos, sin = turns
    first, second = x[..., 0::2], x[..., 1::2]
    return torch.stack([first * cos - second * sin, first * sin + second * cos], -1).flatten(-2)


def _low_rank(x: Tensor, phi: Params, name: str, layer: int, each: int) -> Tensor:
    """(S, T, width) through the two thin matrices of each sequence's author."""
    down, up = phi[f"{name}_down"][:, layer], phi[f"{name}_up"][:, layer]
    if len(down) == 1:
        return x @ down[0] @ up[0]
    if each > 1:
        down, up = down.repeat_interleave(each, 0), up.repeat_interleave(each, 0)
    return torch.bmm(torch.bmm(x, down), up)


class LowRank(PhiStart):
    """phi_0: low-rank paths (LoRA, Hu et al. 2022) beside the queries and values of every layer.

    Tensors, without the task dimension: ``q_down`` (layers, width, rank), ``q_up`` (layers, rank, width),
    ``v_down`` and ``v_up`` likewise; at zero effect until learning begins.
    """

    def __init__(self, shape: Shape, rank: int = 8, seed: int = 0) -> None:
        super().__init__()
        made = torch.Generator().manual_seed(seed)
        thin = shape.width // shape.heads * shape.kv_heads
        for name, width in (("q", shape.width), ("v", thin)):
            down = torch.randn(shape.layers, shape.width, rank, generator=made) / shape.width**0.5
            self._add(f"{name}_down", down)
            self._add(f"{name}_up", torch.zeros(shape.layers, rank, width))


def load_language_model(path: Path) -> tuple[Llama, Tokenizer, dict[str, Any]]:
    """The network, its tokenizer and its header; raises ``CheckpointFormatError``."""
    from tokenizers import Tokenizer

    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})[METADATA_KEY])
            if header["format"] != LM_FORMAT:
                raise CheckpointFormatError(f"{path} has format {header['format']!r}, expected {LM_FORMAT!r}")
            names = [name for name in file.keys() if name != "tokenizer"]  # noqa: SIM118
            network = Llama(Shape(**header["shape"]), {name: file.get_tensor(name) for name in names})
            tokenizer = Tokenizer.from_str(file.get_tensor("tokenizer").numpy().tobytes().decode())
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointFormatError(f"{path} is no language model of Fewstroke: {error}") from error
    return network.eval(), tokenizer, header
