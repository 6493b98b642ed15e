"""Holds a style, the adapted phi with its header, and reads and writes its file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from model.errors import StyleBaseMismatchError, StyleFormatError
from model.formats import MAX_STYLE_BYTES, METADATA_KEY, StyleHeader, Surface, read_style_header
from model.image.network.style_params import blend
from model.image.pyramid import SIDES


@dataclass(frozen=True)
class Style:
    """phi of one style (of every tensor a sample for each level, float32 on the CPU) and its header."""

    phi: dict[str, Tensor]
    header: StyleHeader

    def to_bytes(self) -> bytes:
        """safetensors in fp16: about 145 kB."""
        tensors = {name: value.detach().half().contiguous().cpu() for name, value in self.phi.items()}
        return save_tensors(tensors, metadata={METADATA_KEY: self.header.to_json()})

    @classmethod
    def from_bytes(cls, data: bytes, *, base_hash: str) -> Style:
        """Read a style file that belongs to the base checkpoint ``base_hash``.

        Raises ``StyleFormatError`` for anything that is not a style, and ``StyleBaseMismatchError`` for
        a style of another base: its numbers mean nothing to this network.
        """
        if len(data) > MAX_STYLE_BYTES:
            raise StyleFormatError(f"the style has {len(data):,} bytes, more than {MAX_STYLE_BYTES:,}")
        header = read_style_header(data)
        if header.base_hash != base_hash:
            raise StyleBaseMismatchError(
                f"the style was adapted from base {header.base_hash[:12]}, but base {base_hash[:12]} is "
                "loaded: learn it again from its examples (`fewstroke adapt`), or load its own base"
            )
        try:
            tensors = load_tensors(data)
        except (SafetensorError, ValueError, KeyError) as error:
            raise StyleFormatError(f"the style's tensors cannot be read: {error}") from error
        phi = {name: value.float() for name, value in tensors.items()}
        for name, value in phi.items():
            if not bool(torch.isfinite(value).all()):
                raise StyleFormatError(f"the style's tensor {name!r} holds numbers that are not finite")
        return cls(phi, header)

    def check_shapes(self, expected: dict[str, torch.Size]) -> None:
        """Raise ``StyleFormatError`` unless phi has exactly these tensors (shapes without the levels)."""
        wanted = {name: torch.Size((len(SIDES), *shape)) for name, shape in expected.items()}
        if {name: value.shape for name, value in self.phi.items()} != wanted:
            raise StyleFormatError("the style's tensors do not fit the network: the file is damaged")


def blend_styles(parts: Sequence[tuple[Style, float]]) -> Style:
    """One style between several of one base: the mean of their phi, weighted (weights need not sum to 1).

    The header is that of the heaviest part, with the mean surface. Raises ``ValueError`` without parts or
    without weight, ``StyleFormatError`` when the tensors of the parts differ.
    """
    weights = [weight for _, weight in parts]
    total = sum(weights)
    if not parts or min(weights) < 0 or total <= 0:
        raise ValueError("a blend needs styles with weights of at least 0, and one above 0")
    styles = [style for style, _ in parts]
    shapes = {name: value.shape[1:] for name, value in styles[0].phi.items()}
    for style in styles[1:]:
        style.check_shapes(shapes)

    def mean(name: str) -> float:
        whole: float = sum(weight * getattr(style.header.surface, name) for style, weight in parts)
        return whole / total

    surface = Surface(**{f.name: mean(f.name) for f in fields(Surface)})
    header = replace(styles[weights.index(max(weights))].header, surface=surface)
    return Style(blend([style.phi for style in styles], weights), header)
