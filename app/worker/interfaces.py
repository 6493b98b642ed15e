"""Protocols of what the worker needs of the model side; importable without torch.

``model.image.engine.Engine`` and ``model.image.style.Style`` fit these shapes (``docs/architecture.md``,
section 3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, Protocol

from PIL.Image import Image

from model.errors import AdaptationCanceled
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


class OneByOne:
    """Many at once for a stand-in that does one thing at a time, with an ``adapt`` and a ``stylize``; its
    device is the processor."""

    def check_device(self) -> None:
        """A processor goes on after any error."""

    def adapt_many(
        self: Any, requests: Sequence[Learning], *, steps: int | None = None, preview_every: int = 5
    ) -> list[Any]:
        """A style for each, or AdaptationCanceled."""
        found: list[Any] = []
        for request in requests:
            try:
                found.append(self.adapt(steps=steps, preview_every=preview_every, **_arguments(request)))
            except AdaptationCanceled as canceled:
                found.append(canceled)
        return found

    def stylize_many(self: Any, renderings: Sequence[Rendering]) -> list[Image]:
        """A picture for each."""
        return [self.stylize(**_arguments(rendering)) for rendering in renderings]

    def batches(self, renderings: Sequence[Rendering], most: int) -> list[list[int]]:
        """Every picture alone."""
        return [[position] for position in range(len(renderings))]

    def stylize_frames(
        self: Any, frames: Iterable[Image], style: Any, *, dials: Dials | None = None, **options: Any
    ) -> Iterator[Image]:
        """Every frame alone."""
        for frame in frames:
            yield self.stylize(frame, style, **asdict(dials or Dials()), **options)


def _arguments(request: Learning | Rendering) -> dict[str, Any]:
    found = {field.name: getattr(request, field.name) for field in fields(request)}
    dials = found.pop("dials", None)
    return found if dials is None else found | asdict(dials)


ReadStyle = Callable[[bytes], Any]
"""Style file to style, refusing other bases: ``Style.from_bytes`` with the engine's ``base_hash``."""
