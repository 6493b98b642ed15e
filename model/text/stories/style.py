"""An author's style: the adapted phi, what the examples are like, and their words to compare with."""

from __future__ import annotations

import json
import lzma
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from model.errors import StyleBaseMismatchError, StyleFormatError
from model.formats import MAX_STYLE_BYTES, METADATA_KEY, StyleHeader, read_metadata, read_style_header
from model.text.errors import WritingError

MODALITY = "stories"
MAX_KEPT = 200_000  # characters of the examples that a style file keeps, to compare with
_MOST_UNPACKED = 4 * MAX_KEPT + 1


@dataclass(frozen=True)
class StoryStyle:
    """One author's phi.

    Attributes:
        phi: without the task dimension, float32.
        header: base, number of texts, steps, losses.
        examples: the texts, cut to ``MAX_KEPT`` characters together.
        description: figures for readers, see ``model.text.stories.description``.
    """

    phi: dict[str, Tensor]
    header: StyleHeader
    examples: tuple[str, ...]
    description: dict[str, Any]

    def to_bytes(self) -> bytes:
        """safetensors, phi in fp16: about a megabyte."""
        tensors = {f"phi/{k}": v.detach().half().contiguous() for k, v in self.phi.items()}
        about = json.loads(self.header.to_json()) | {
            "modality": MODALITY,
            "description": self.description,
        }
        packed = lzma.compress(json.dumps(self.examples, ensure_ascii=False).encode())
        tensors["examples"] = torch.from_numpy(np.frombuffer(packed, np.uint8).copy())
        return save_tensors(tensors, metadata={METADATA_KEY: json.dumps(about, sort_keys=True)})

    @classmethod
    def from_bytes(cls, data: bytes, *, base_hash: str, shapes: dict[str, torch.Size]) -> StoryStyle:
        """Read a style file of the base ``base_hash`` whose phi has these ``shapes``.

        Raises:
            StyleFormatError: no style, one of something else, or a damaged one.
            StyleBaseMismatchError: a style of another base.
        """
        if len(data) > MAX_STYLE_BYTES:
            raise StyleFormatError(f"the style has {len(data):,} bytes, more than {MAX_STYLE_BYTES:,}")
        header = read_style_header(data)
        about = read_metadata(data, what="style")
        if header.modality != MODALITY:
            raise StyleFormatError(
                f"the style was learned from {header.modality} examples, not from English prose: learn one "
                "from prose (`fewstroke adapt chapters/*.txt`)"
            )
        if header.base_hash != base_hash:
            raise StyleBaseMismatchError(
                f"the style was adapted from base {header.base_hash[:12]}, but base {base_hash[:12]} is "
                "loaded: learn it again from its examples (`fewstroke adapt`), or load its own base"
            )
        try:
            tensors = load_tensors(data)
            packed = tensors.pop("examples").numpy().tobytes()
            unpacked = lzma.LZMADecompressor(memlimit=2**27).decompress(packed, _MOST_UNPACKED)
            examples = tuple(map(str, json.loads(unpacked)))
            description = dict(about["description"])
        except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, lzma.LZMAError) as error:
            raise StyleFormatError(f"the style cannot be read: {error}") from error
        phi = {k.removeprefix("phi/"): v.float() for k, v in tensors.items() if k.startswith("phi/")}
        if {name: value.shape for name, value in phi.items()} != shapes:
            raise StyleFormatError("the style's tensors do not fit the network: the file is damaged")
        if not all(bool(torch.isfinite(value).all()) for value in phi.values()):
            raise StyleFormatError("the style holds numbers that are not finite")
        return cls(phi, header, examples, description)


def blend_story_styles(parts: Sequence[tuple[StoryStyle, float]]) -> StoryStyle:
    """One style between several: the weighted mean of their phi; the description is the heaviest part's.

    Raises:
        WritingError: without parts or without weight.
    """
    weights = [weight for _, weight in parts]
    if not parts or min(weights) < 0 or sum(weights) <= 0:
        raise WritingError("A blend needs styles with weights of at least 0, and one above 0.")
    styles = [style for style, _ in parts]
    total = sum(weights)
    phi = {
        name: torch.stack([w / total * s.phi[name] for s, w in zip(styles, weights, strict=True)]).sum(0)
        for name in styles[0].phi
    }
    heaviest = styles[weights.index(max(weights))]
    examples = tuple(text for style in styles for text in style.examples)
    return StoryStyle(phi, heaviest.header, examples, heaviest.description)
