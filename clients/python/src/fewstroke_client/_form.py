"""Options as form fields and query parameters."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypedDict

from fewstroke_client._files import Source
from fewstroke_client._models import (
    Batch,
    Composition,
    FileInfo,
    Image,
    ImageInfo,
    Job,
    ResultFile,
    Style,
    Stylization,
)
from fewstroke_client._texts import Poem, Story

Blend: TypeAlias = "str | Style | Mapping[str, float]"
"""A style or its id, or weights by id: ``{"sty_a": 2, "sty_b": 1}``."""

Form: TypeAlias = "dict[str, str | list[str]]"

_FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


class Labels(TypedDict, total=False):
    """What people call a style."""

    name: str | None
    description: str | None


class LearnOptions(Labels, total=False):
    """How a style is learned, and from whose works."""

    rights: str | None
    licence: str | None
    steps: int | None
    seed: int | None


class NewStyle(LearnOptions, total=False):
    """What ``create_style`` takes besides the examples."""

    contents: Sequence[Source]
    idempotency_key: str | None


class RenderOptions(TypedDict, total=False):
    """How photos are rendered."""

    strength: float | None
    abstraction: float | None
    stroke_size: float | None
    preserve_color: bool | None
    size: int | None
    format: str | None
    quality: int | None
    provenance: str | None
    label: str | None


class MaskedOptions(RenderOptions, total=False):
    """With a mask whose edge is soft."""

    feather: float | None


class NewBatch(RenderOptions, total=False):
    """What ``create_batch`` takes besides photos and style."""

    renderings: Sequence[Mapping[str, Any]] | None
    idempotency_key: str | None


class NewStylization(MaskedOptions, total=False):
    """What ``create_stylization`` takes besides contents and style."""

    mask: Source | None
    outside_style_id: str | None
    idempotency_key: str | None


class ComposeOptions(TypedDict, total=False):
    """What a composition is to be; what is not given is as in the style's examples."""

    bars: int | None
    key: str | None
    mode: str | None
    tempo: float | None
    meter: str | None
    density: int | None
    valence: float | None
    arousal: float | None
    voice: bool | None
    temperature: float | None
    top_p: float | None
    max_copied: int | None
    ending: str | None
    infill: str | None
    forms: Sequence[str] | None
    seed: int | None
    count: int | None


class NewComposition(ComposeOptions, total=False):
    """What ``create_composition`` takes besides the style."""

    primer: Source | None
    idempotency_key: str | None


class PoemOptions(TypedDict, total=False):
    """What a poem is to be."""

    form: str | None
    title: str | None
    script: str | None
    avoid: str | None
    temperature: float | None
    top_p: float | None
    max_copied: int | None
    seed: int | None
    count: int | None


class NewPoem(PoemOptions, total=False):
    """What ``create_poem`` takes besides the style."""

    idempotency_key: str | None


class StoryOptions(TypedDict, total=False):
    """What a story is to be. ``length``: in words; ``avoid``: words with commas."""

    title: str | None
    opening: str | None
    length: int | None
    person: str | None
    tense: str | None
    mood: str | None
    avoid: str | None
    temperature: float | None
    top_p: float | None
    max_copied: int | None
    seed: int | None
    count: int | None


class NewStory(StoryOptions, total=False):
    """What ``create_story`` takes besides the style."""

    idempotency_key: str | None


class PhotoOptions(MaskedOptions, LearnOptions, total=False):
    """What ``stylize_photo`` takes besides its own."""


def form(**values: Any) -> Form:
    """What is not None, as a form has it."""
    return {name: _texts(value) for name, value in values.items() if value is not None}


def blend_fields(style: Blend) -> Form:
    """The fields ``style_id`` and ``weight``."""
    if isinstance(style, Mapping):
        return form(style_id=list(style), weight=list(style.values()))
    return form(style_id=[id_of(style)])


def id_of(
    thing: str
    | Style
    | Stylization
    | Batch
    | Composition
    | Poem
    | Story
    | Job
    | Image
    | ImageInfo
    | ResultFile
    | FileInfo,
) -> str:
    """The id of a thing, or the id itself."""
    return thing if isinstance(thing, str) else thing.id


def new_key() -> str:
    """An idempotency key."""
    return str(uuid.uuid4())


def format_of(path: str | os.PathLike[str] | None) -> str | None:
    """The format that a file name asks for; None: it asks for none."""
    return None if path is None else _FORMATS.get(Path(path).suffix.lower())


def _texts(value: Any) -> str | list[str]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_text(item) for item in value]
    return _text(value)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
