"""Moving pictures on the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.common import InputError
from app.cli.results import replacing
from app.imaging.formats import ClipFormat
from app.imaging.length import plays_of
from app.imaging.moving import ClipLimits, Frame, format_of, read_frames, write_clip

if TYPE_CHECKING:
    from model.engine import Engine
    from model.frames import Smoothing
    from model.style import Style


def clip_format(name: str | None, output: Path, clip: Path) -> ClipFormat:
    """The format by ``--format``, else by the output's suffix, else that of the clip. Raises InputError."""
    if name is not None:
        try:
            return ClipFormat("apng" if name.lower() == "png" else name.lower())
        except ValueError as error:
            raise InputError(f"{name!r} cannot hold a clip: use gif, webp, apng or mp4") from error
    return format_of(output) or format_of(clip) or ClipFormat.WEBP


def stylize_clip(
    engine: Engine,
    clip: Path,
    style: Style,
    target: Path,
    form: ClipFormat,
    *,
    strength: float,
    size: int | None,
    smoothing: Smoothing | None,
    limits: ClipLimits,
    note: str | None,
    on_frame: Callable[[int], None],
) -> int:
    """Render a clip frame by frame into a file, whole or not at all; how many frames it has. ``note`` goes
    into the file.

    Raises InputError when the file cannot be written, and what ``read_frames`` raises.
    """
    shown: list[float] = []

    def given() -> Iterator[Frame]:
        for frame in read_frames(clip, limits, label=str(clip)):
            shown.append(frame.milliseconds)
            yield frame

    def rendered() -> Iterator[Frame]:
        images = (frame.image for frame in given())
        made = engine.stylize_frames(images, style, strength=strength, size=size, smoothing=smoothing)
        for number, image in enumerate(made):
            on_frame(number + 1)
            yield Frame(image, shown[number])

    with replacing(target) as temporary:
        return write_clip(temporary, rendered(), form, plays=plays_of(clip), note=note)
