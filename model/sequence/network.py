"""A small causal transformer on sequences of tokens, steered by phi in every layer.

phi of one style holds, for every layer, gains and shifts behind both normalisations (FiLM, Perez et al.
2018) and a low-rank path beside the feed-forward part, and one bias for every token. Tensors carry a leading
task dimension: B styles side by side, with n sequences each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.maml import Params


@dataclass(frozen=True)
class NetworkConfig:
    """Shape of the network."""

    width: int = 160
    layers: int = 4
    heads: int = 5
    hidden: int = 480  # of the feed-forward part
    rank: int = 4  # of phi's low-rank path
    dropout: float = 0.1

    def to_dict(self) -> dict[str, Any]:
        """As stored in a checkpoint."""
        return asdict(self)


class PhiStart(nn.Module):
    """A meta-learned start: every tensor of phi without the task dimension."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def _add(self, name: str, value: Tensor) -> None:
        self.names.append(name)
        self.register_parameter(name, nn.Parameter(value))

    def tensors(self) -> dict[str, Tensor]:
        """By name."""
        return {name: self.get_parameter(name) for name in self.names}


class PhiModule(PhiStart):
    """phi_0 of a ``SequenceNetwork``.

    Args:
        config: of the network.
        tokens: size of its vocabulary.
    """

    def __init__(self, config: NetworkConfig, tokens: int) -> None:
        super().__init__()
        d, r = config.width, config.rank
        for layer in range(config.layers):
            self._add(f"gain_{layer}", torch.zeros(2, d))
            self._add(f"shift_{layer}", torch.zeros(2, d))
            self._add(f"down_{layer}", torch.randn(d, r) / d**0.5)
            self._add(f"up_{layer}", torch.zeros(r, d))
        self._add("gain_out", torch.zeros(d))
        self._add("shift_out", torch.zeros(d))
        self._add("bias", torch.zeros(tokens))


class Cache:
    """Keys and values of what was read of ``rows`` sequences; setting ``length`` back forgets the rest."""

    def __init__(self, config: NetworkConfig, room: int, rows: int = 1) -> None:
        shape = (rows, config.heads, room, config.width // config.heads)
        self.keys = [torch.zeros(shape) for _ in range(config.layers)]
        self.values = [torch.zeros(shape) for _ in range(config.layers)]
        self.length = 0
        self.room = room


class Block(nn.Module):
    """Attention and a feed-forward part, each behind a normalisation with phi's gain and shift."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        d = config.width
        self.heads = config.heads
        self.norm_1 = nn.LayerNorm(d)
        self.qkv = nn.Linear(d, 3 * d, bias=False)
        self.out = nn.Linear(d, d, bias=False)
        self.norm_2 = nn.LayerNorm(d)
        self.wide = nn.Linear(d, config.hidden)
        self.narrow = nn.Linear(config.hidden, d)
        self.dropout = config.dropout

    def forward(
        self, x: Tensor, angles: tuple[Tensor, Tensor], film: Film, cache: Cache | None, layer: int
    ) -> Tensor:
        """(S, T, width) -> the same, reading and extending ``cache`` when there is one."""
        normed = film.apply(self.norm_1(x), layer, 0)
        s, t, d = normed.shape
        q, k, v = self.qkv(normed).view(s, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        q, k = _rotate(q, angles), _rotate(k, angles)
        if cache is None:
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            before, used = cache.length, cache.length + t
            keys, values = cache.keys[layer], cache.values[layer]
            keys[:, :, before:used], values[:, :, before:used] = k, v
            seen = None if t == 1 else torch.ones(t, used, dtype=torch.bool).tril(before)
            mixed = F.scaled_dot_product_attention(q, keys[:, :, :used], values[:, :, :used], attn_mask=seen)
        x = x + F.dropout(self.out(mixed.transpose(1, 2).reshape(s, t, d)), self.dropout, self.training)
        normed = film.apply(self.norm_2(x), layer, 1)
        fed = self.narrow(F.gelu(self.wide(normed))) + film.path(normed, layer)
        return x + F.dropout(fed, self.dropout, self.training)


class Film:
    """phi of B tasks, ready for S = B n sequences."""

    def __init__(self, phi: Params, sequences: int) -> None:
        tasks = len(phi["bias"])
        self.each = sequences // tasks
        self.phi = phi

    def _of(self, name: str) -> Tensor:
        value = self.phi[name]
        return value.repeat_interleave(self.each, 0) if self.each > 1 else value

    def apply(self, x: Tensor, layer: int, place: int) -> Tensor:
        """(1 + gain) x + shift of one normalisation."""
        gain, shift = self._of(f"gain_{layer}")[:, place], self._of(f"shift_{layer}")[:, place]
        return x * (1 + gain[:, None]) + shift[:, None]

    def path(self, x: Tensor, layer: int) -> Tensor:
        """The low-rank path beside a feed-forward part."""
        return torch.bmm(torch.bmm(x, self._of(f"down_{layer}")), self._of(f"up_{layer}"))

    def final(self, x: Tensor) -> Tensor:
        """The gain and shift before the output."""
        return x * (1 + self._of("gain_out")[:, None]) + self._of("shift_out")[:, None]

    def bias(self) -> Tensor:
        """(S, 1, tokens)."""
        return self._of("bias")[:, None]


class SequenceNetwork(nn.Module, ABC):
    """Tokens with what is known of their places -> logits of the next token.

    A subclass makes its embeddings, among them ``tokens``, which is also the output, and then calls
    ``make_blocks``.
    """

    tokens: nn.Embedding

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config

    @abstractmethod
    def embed(self, inputs: Tensor) -> Tensor:
        """(S, T, features) int -> (S, T, width)."""

    def make_blocks(self) -> None:
        """The layers behind the embeddings; every weight drawn anew."""
        config = self.config
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
        for module in self.modules():
            if isinstance(module, Block):
                for linear in (module.out, module.narrow):
                    nn.init.normal_(linear.weight, std=0.02 / (2 * config.layers) ** 0.5)

    def forward(self, inputs: Tensor, phi: Params, cache: Cache | None = None) -> Tensor:
        """Logits.

        Args:
            inputs: (S, T, features) int, as ``embed`` takes them.
            phi: tensors with a leading dimension B that divides S; sequences of one task lie together.
            cache: what was read before of S sequences, which is moved on.

        Returns:
            (S, T, tokens).
        """
        x = self.embed(inputs)
        film = Film(phi, len(inputs))
        read = cache.length if cache is not None else 0
        at = torch.arange(read, read + inputs.shape[1], device=inputs.device)[None]
        angles = _angles(at, self.config.width // self.config.heads)
        for layer, block in enumerate(self.blocks):
            x = block(x, angles, film, cache, layer)
        if cache is not None:
            cache.length += inputs.shape[1]
        return F.linear(film.final(self.norm(x)), self.tokens.weight) + film.bias()


def _angles(at: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of rotary positions (Su et al. 2021): (1, 1, T, width)."""
    rates = 10_000.0 ** (-torch.arange(0, width, 2, device=at.device) / width)
    turns = at[:, None, :, None] * rates
    return torch.cat([turns, turns], -1).cos(), torch.cat([turns, turns], -1).sin()


def _rotate(x: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    cos, sin = angles
    first, second = x.chunk(2, -1)
    return (x * cos + torch.cat([-second, first], -1) * sin).to(x.dtype)


def token_loss(logits: Tensor, targets: Tensor, tasks: int) -> Tensor:
    """Mean nats a token of each task, (B,); targets below 0 do not count."""
    each = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=-1, reduction="none")
    each = each.view(tasks, -1)
    counted = (targets >= 0).view(tasks, -1)
    return each.sum(1) / counted.sum(1).clamp(min=1)


def expand_phi(phi: Mapping[str, Tensor], tasks: int) -> dict[str, Tensor]:
    """One phi for ``tasks`` tasks, as views."""
    return {name: value.expand(tasks, *value.shape) for name, value in phi.items()}
