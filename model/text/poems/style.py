"""A poet's style: the adapted phi, what the examples are like, and their characters to compare with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from model.errors import StyleBaseMismatchError, StyleFormatError
from model.formats import MAX_STYLE_BYTES, METADATA_KEY, StyleHeader, read_metadata, read_style_header
from model.text.errors import WritingError
from model.text.poems.poem import Poem

MODALITY = "poems"


@dataclass(frozen=True)
class PoemStyle:
    """One poet's phi.

    Attributes:
        phi: without the task dimension, float32.
        header: base, number of poems, steps, losses.
        poems: the examples, in traditional characters; they give form, kind and tune where none is asked for.
        kind: of most of them: shi, ci or qu.
        simplified: how the examples were written.
        description: figures for readers, see ``model.text.poems.description``.
    """

    phi: dict[str, Tensor]
    header: StyleHeader
    poems: tuple[Poem, ...]
    kind: str
    simplified: bool
    description: dict[str, Any]

    def to_bytes(self) -> bytes:
        """safetensors, phi in fp16: about 30 kB."""
        tensors = {f"phi/{k}": v.detach().half().contiguous() for k, v in self.phi.items()}
        about = json.loads(self.header.to_json()) | {
            "modality": MODALITY,
            "kind": self.kind,
            "simplified": self.simplified,
            "description": self.description,
        }
        poems = [[p.title, list(p.lines), [int(stop) for stop in p.stops]] for p in self.poems]
        packed = json.dumps(poems, ensure_ascii=False).encode()
        tensors["examples"] = torch.from_numpy(np.frombuffer(packed, np.uint8).copy())
        return save_tensors(tensors, metadata={METADATA_KEY: json.dumps(about, sort_keys=True)})

    @classmethod
    def from_bytes(cls, data: bytes, *, base_hash: str, shapes: dict[str, torch.Size]) -> PoemStyle:
        """Read a style file of the checkpoint ``base_hash`` whose phi has these ``shapes``.

        Raises:
            StyleFormatError: no style, one of pictures, music or stories, or a damaged one.
            StyleBaseMismatchError: a style of another checkpoint.
        """
        if len(data) > MAX_STYLE_BYTES:
            raise StyleFormatError(f"the style has {len(data):,} bytes, more than {MAX_STYLE_BYTES:,}")
        header = read_style_header(data)
        about = read_metadata(data, what="style")
        if header.modality != MODALITY:
            raise StyleFormatError(
                f"the style was learned from {header.modality} examples, not from Chinese poems: learn one "
                "from poems (`fewstroke adapt poems/*.txt`)"
            )
        if header.base_hash != base_hash:
            raise StyleBaseMismatchError(
                f"the style was adapted from base {header.base_hash[:12]}, but base {base_hash[:12]} is "
                "loaded: learn it again from its examples (`fewstroke adapt`), or load its own base"
            )
        try:
            tensors = load_tensors(data)
            rows = json.loads(tensors.pop("examples").numpy().tobytes())
            poems = tuple(
                Poem(str(title), tuple(map(str, lines)), tuple(map(bool, stops)))
                for title, lines, stops in rows
            )
            kind, simplified = str(about["kind"]), bool(about["simplified"])
            description = dict(about["description"])
        except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StyleFormatError(f"the style cannot be read: {error}") from error
        if not poems or any(not p.lines or len(p.lines) != len(p.stops) for p in poems):
            raise StyleFormatError("the poems of the style's examples are damaged")
        phi = {k.removeprefix("phi/"): v.float() for k, v in tensors.items() if k.startswith("phi/")}
        if {name: value.shape for name, value in phi.items()} != shapes:
            raise StyleFormatError("the style's tensors do not fit the network: the file is damaged")
        if not all(bool(torch.isfinite(value).all()) for value in phi.values()):
            raise StyleFormatError("the style holds numbers that are not finite")
        return cls(phi, header, poems, kind, simplified, description)


def blend_poem_styles(parts: Sequence[tuple[PoemStyle, float]]) -> PoemStyle:
    """One style between several: the weighted mean of their phi; kind and script are the heaviest part's.

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
    poems = tuple(poem for style in styles for poem in style.poems)
    return PoemStyle(phi, heaviest.header, poems, heaviest.kind, heaviest.simplified, heaviest.description)


def example_runs(numbers: Sequence[Sequence[int]]) -> NDArray[np.uint16]:
    """The characters of the examples one after the other, a 0 after each."""
    return np.array([n for poem in numbers for n in (*poem, 0)], np.uint16)
