"""What the worker needs of the model side, as types: importable without torch.

``model.engine.Engine`` and ``model.style.Style`` fit these shapes (``docs/architecture.md``, section 3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from PIL.Image import Image


class ProgressLike(Protocol):
    """``model.engine.Progress``."""

    @property
    def step(self) -> int: ...
    @property
    def steps(self) -> int: ...
    @property
    def losses(self) -> Mapping[str, float]: ...
    @property
    def preview(self) -> Image | None: ...


class StyleLike(Protocol):
    """``model.style.Style``."""

    @property
    def header(self) -> Any: ...
    def to_bytes(self) -> bytes: ...


class EngineLike(Protocol):
    """``model.engine.Engine``."""

    @property
    def base_hash(self) -> str: ...
    @property
    def default_steps(self) -> int: ...

    def adapt(
        self,
        examples: Sequence[Image],
        *,
        contents: Sequence[Image] = ...,
        steps: int | None = ...,
        seed: int = ...,
        preview: Image | None = ...,
        preview_every: int = ...,
        on_progress: Callable[[Any], None] | None = ...,
        should_stop: Callable[[], bool] | None = ...,
    ) -> Any: ...

    def blend(self, parts: Sequence[tuple[Any, float]]) -> Any: ...

    def stylize(
        self,
        photo: Image,
        style: Any,
        *,
        strength: float = ...,
        size: int | None = ...,
        preserve_color: bool = ...,
        mask: Image | None = ...,
        outside: Any | None = ...,
        feather: float = ...,
    ) -> Image: ...


ReadStyle = Callable[[bytes], Any]
"""Style file to style, refusing other bases: ``Style.from_bytes`` with the engine's ``base_hash``."""
