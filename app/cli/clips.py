"""Stylize moving pictures on the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.common import InputError
from app.cli.results import replacing
from app.imaging.audio import is_lost
from app.imaging.clip_reader import ClipLimits, Frame, format_of, plays_of, read_frames
from app.imaging.clip_writer import write_clip
from app.imaging.formats import ClipFormat

if TYPE_CHECKING:
    from app.provenance.label import Label
    from model.image.dials import Dials
    from model.image.engine import Engine
    from model.image.rendering.video import Smoothing
    from model.image.style import Style


_BY_SUFFIX = {f".{form.value}": form for form in ClipFormat} | {
    ".png": ClipFormat.APNG,
    ".m4v": ClipFormat.MP4,
}


def clip_format(name: str | None, output: Path, clip: Path) -> ClipFormat:
    """The format by ``--format`` or the output's suffix, else that of the clip. Raises InputError, also when
    the two differ."""
    named = None if output.is_dir() else _BY_SUFFIX.get(output.suffix.lower())
    if name is None:
        return named or format_of(clip) or ClipFormat.WEBP
    try:
        asked = ClipFormat("apng" if name.lower() == "png" else name.lower())
    except ValueError as error:
        formats = ", ".join(ClipFormat)
        raise InputError(f"{name!r} cannot hold a clip: use one of {formats}") from error
    if named not in (None, asked):
        raise InputError(
            f"{output} is no name for a {asked}: give one that ends in {asked.suffix}, or no --format"
        )
    return asked


def loses_sound(clip: Path, form: ClipFormat) -> bool:
    """Whether a result in this format is silent although the clip is not.

    Raises what ``read_frames`` raises.
    """
    return _is_video(clip) and is_lost(clip, form)


def _is_video(clip: Path) -> bool:
    own = format_of(clip)
    return own is not None and own.is_video


def stylize_clip(
    engine: Engine,
    clip: Path,
    style: Style,
    target: Path,
    form: ClipFormat,
    *,
    dials: Dials,
    size: int | None,
    smoothing: Smoothing | None,
    limits: ClipLimits,
    note: str | None,
    label: Label,
    sign: Callable[[bytes], bytes],
    on_frame: Callable[[int], None],
) -> int:
    """Render a clip frame by frame into a file, whole or not at all; how many frames it has. All have the
    ``label``; ``note`` goes into the file, which is then what ``sign`` makes of it.

    Raises InputError when the file cannot be written, and what ``read_frames`` raises.
    """
    shown: list[float] = []

    def given() -> Iterator[Frame]:
        for frame in read_frames(clip, limits, label=str(clip)):
            shown.append(frame.milliseconds)
            yield frame

    def rendered() -> Iterator[Frame]:
        images = (frame.image for frame in given())
        made = engine.stylize_frames(images, style, dials=dials, size=size, smoothing=smoothing)
        for number, image in enumerate(made):
            on_frame(number + 1)
            yield Frame(label.draw(image), shown[number])

    sound = clip if form.is_video and _is_video(clip) and not is_lost(clip, form) else None
    with replacing(target) as temporary:
        plays = plays_of(clip)
        frames = write_clip(temporary, rendered(), form, plays=plays, sound=sound, note=note)
        temporary.write_bytes(sign(temporary.read_bytes()))
        return frames
