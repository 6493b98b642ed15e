"""Render a clip frame by frame into a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL.Image import Image

from app.imaging.clip_reader import ClipLimits, Frame, plays_of, read_frames
from app.imaging.clip_writer import write_clip
from app.imaging.formats import ClipFormat
from app.imaging.temp_dirs import UPLOADS
from app.jobs.dials import dials_of
from app.worker.interfaces import EngineLike
from app.worker.results import ClipOutcome
from app.worker.work_item import JobStopped, WorkItem

_ANY = ClipLimits(10**9, 10**9, 10**9)  # it was measured when it arrived


def render_clip(
    engine: EngineLike, work: WorkItem, style: Any, data: bytes, on_frame: Callable[[int], None]
) -> tuple[Image, ClipOutcome]:
    """The first frame and the file. ``on_frame`` gets the number of frames that are done.

    Raises JobStopped between two frames.
    """
    params = work.job.params
    shown: list[float] = []
    with TemporaryDirectory(prefix=UPLOADS) as folder:
        source = Path(folder, "clip.webp")
        source.write_bytes(data)

        def given() -> Iterator[Image]:
            for frame in read_frames(source, _ANY):
                if work.should_stop():
                    raise JobStopped
                shown.append(frame.milliseconds)
                yield frame.image

        def made() -> Iterator[Frame]:
            frames = engine.stylize_frames(
                given(),
                style,
                dials=dials_of(params),
                size=params.get("size"),
                preserve_color=bool(params.get("preserve_color")),
            )
            for number, image in enumerate(frames):
                on_frame(number + 1)
                yield Frame(work.label.draw(image), shown[number])

        form = ClipFormat(params.get("clip_format") or ClipFormat.WEBP)
        target = Path(folder, f"made{form.suffix}")
        frames = made()
        first = next(frames)
        write_clip(target, chain([first], frames), form, plays=plays_of(source))
        return first.image, ClipOutcome(target.read_bytes(), form)
