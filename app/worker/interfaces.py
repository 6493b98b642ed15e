"""Protocols of what the worker needs of the model side; importable without torch.

``model.image.engine.Engine`` and ``model.image.style.Style`` fit these shapes (``docs/architecture.md``,
section 3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from PIL.Image import Image

from model.image.dials import Dials
from model.image.engine_types import Rendering
from model.modality import Learning


class ProgressLike(Protocol):
    """``model.modality.Progress``."""

    @property
    def step(self) -> int: ...
    @property
    def steps(self) -> int: ...
    @property
    def losses(self) -> Mapping[str, float]: ...
    @property
    def preview(self) -> Image | None: ...


class StyleLike(Protocol):
    """``model.image.style.Style``."""

    @property
    def header(self) -> Any: ...
    def to_bytes(self) -> bytes: ...


class EngineLike(Protocol):
    """``model.image.engine.Engine``."""

    @property
    def base_hash(self) -> str: ...
    @property
    def default_steps(self) -> int: ...

    def check_device(self) -> None: ...

    def adapt_many(
        self, requests: Sequence[Learning], *, steps: int | None = ..., preview_every: int = ...
    ) -> Sequence[Any]: ...

    def blend(self, parts: Sequence[tuple[Any, float]]) -> Any: ...

    def stylize_many(self, renderings: Sequence[Rendering]) -> Sequence[Image]: ...

    def batches(self, renderings: Sequence[Rendering], most: int) -> Sequence[Sequence[int]]: ...

    def stylize_frames(
        self,
        frames: Iterable[Image],
        style: Any,
        *,
        dials: Dials | None = ...,
        size: int | None = ...,
        preserve_color: bool = ...,
    ) -> Iterator[Image]: ...


ReadStyle = Callable[[bytes], Any]
"""Style file to style, refusing other bases: ``Style.from_bytes`` with the engine's ``base_hash``."""
