"""How long a clip is by what its file says, before a frame is rendered, and how often it is played."""

from __future__ import annotations

import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

from PIL import Image

from app.imaging.damage import DAMAGE
from app.imaging.formats import has_video
from app.imaging.moving import VIDEO_SUFFIXES, ClipLimits, too_long


def check_length(path: Path, limits: ClipLimits | None = None, *, label: str = "The clip") -> None:
    """Raise ClipTooLongError where the file says that it is longer than ``limits``.

    Nothing where it does not say, or cannot be read: ``read_frames`` counts, and tells what is wrong.
    """
    limits = limits or ClipLimits()
    frames, seconds = _video(path) if path.suffix.lower() in VIDEO_SUFFIXES else (_frames(path), 0.0)
    if frames > limits.frames or seconds > limits.seconds:
        raise too_long(label, limits.frames, limits.seconds)


def plays_of(path: Path) -> int:
    """How often an animation is played; 0: for ever, and what is none."""
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return 0
    try:
        with Image.open(path) as image:
            if image.format == "GIF":  # counts repetitions, and says nothing when there are none
                repeated = image.info.get("loop")
                return 1 if repeated is None else repeated and int(repeated) + 1
            return int(image.info.get("loop", 0))
    except DAMAGE:
        return 0


def _frames(path: Path) -> int:
    """Of an animation; 0: unknown."""
    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("ignore")  # about metadata that is dropped anyway
            return int(getattr(image, "n_frames", 1))
    except DAMAGE:
        return 0


def _video(path: Path) -> tuple[int, float]:
    """Frames and seconds of a video; 0: unknown."""
    if not has_video():
        return 0, 0.0
    av: Any = import_module("av")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                return 0, 0.0
            stream = container.streams.video[0]
            rate = float(stream.average_rate or stream.guessed_rate or 25)
            seconds = 0.0
            if stream.duration is not None:
                seconds = float(stream.duration * stream.time_base)
            elif container.duration is not None and not container.streams.audio:  # which may go on for longer
                seconds = container.duration / av.time_base
            seconds = max(0.0, seconds - 1 / rate)  # durations are rounded, and may end after the last frame
            return stream.frames or int(seconds * rate), seconds
    except (av.error.FFmpegError, *DAMAGE):
        return 0, 0.0
