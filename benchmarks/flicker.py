"""Flicker of moving pictures: ``python -m benchmarks.flicker``, on clips that the command makes itself.

Three clips from the bundled photos, with a camera's noise: a still one that something crosses, a pan and a
zoom. Their motion is known exactly, so the warping error needs no optical flow: the mean absolute difference,
in levels of 255, of a frame and the one before it moved to where it should be (Lai et al. 2018), where the
clip shows the same thing in both. ``detail`` is the mean gradient of the frames, and ``away`` their mean
difference from rendering frame by frame: a clip that is blurred or frozen would not flicker either.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image

from app.imaging.clip_reader import Frame
from app.imaging.clip_writer import write_clip
from app.imaging.formats import ClipFormat
from benchmarks.machine import library_versions, machine_info
from benchmarks.speed import RESULTS
from model.image.engine import BANK, Engine
from model.image.media.folders import pictures
from model.image.rendering.video import FRAME_BY_FRAME, Smoothing

Array = NDArray[np.float32]  # (H, W, 3) in levels, or (H, W)

NOISE = 4.0  # levels of 255, standard deviation: a small camera in a room
MARGIN = 8  # pixels around what moves that count as moving
SMOOTH = Smoothing()
METHODS = {
    "frame by frame": FRAME_BY_FRAME,
    "shared statistics": Smoothing(statistics=SMOOTH.statistics, still=0.0),
    "still parts": Smoothing(statistics=0.0, still=SMOOTH.still),
    "both (default)": SMOOTH,
}
EXAMPLES = Path(__file__).parents[1] / "app/studio/pictures/examples"


@dataclass(frozen=True)
class Clip:
    """Frames, and for each but the first how the one before it maps onto it."""

    name: str
    frames: list[Image.Image]
    warp: Callable[[Array, int], Array]  # the frame before t, where its content is in frame t
    valid: Callable[[int], NDArray[np.bool_]]  # (H, W): where both show the same thing


def still(photos: Sequence[Image.Image], side: int, count: int) -> Clip:
    """A camera that does not move; a bright disc with another photo in it crosses."""
    size = (side, side * 3 // 4)
    ground, other = photos[0].resize(size), photos[1].resize(size)
    radius = side // 8
    ys, xs = np.mgrid[: size[1], : size[0]]

    def disc(t: int, margin: int = 0) -> NDArray[np.bool_]:
        x = -radius + (size[0] + 2 * radius) * (t + 0.5) / count
        inside: NDArray[np.bool_] = (xs - x) ** 2 + (ys - size[1] / 2) ** 2 < (radius + margin) ** 2
        return inside

    frames = []
    for t in range(count):
        mask = Image.fromarray((disc(t) * 255).astype(np.uint8))
        frames.append(noisy(Image.composite(other, ground, mask), t))
    return Clip(
        "still, crossed by an object",
        frames,
        lambda frame, _t: frame,
        lambda t: ~(disc(t, MARGIN) | disc(t - 1, MARGIN)),
    )


def pan(photos: Sequence[Image.Image], side: int, count: int, step: int = 2) -> Clip:
    """The camera turns by whole pixels."""
    size = (side, side * 3 // 4)
    wide = photos[2].resize((side + step * count, size[1]))
    frames = [noisy(wide.crop((step * t, 0, step * t + side, size[1])), t) for t in range(count)]

    def valid(_t: int) -> NDArray[np.bool_]:
        seen = np.ones((size[1], size[0]), bool)
        seen[:, side - step - MARGIN :] = False
        return seen

    return Clip(f"pan, {step} px a frame", frames, lambda frame, _t: np.roll(frame, -step, axis=1), valid)


def zoom(photos: Sequence[Image.Image], side: int, count: int, rate: float = 1.006) -> Clip:
    """The camera comes nearer."""
    size = (side, side * 3 // 4)
    photo = photos[3].resize((side * 2, size[1] * 2))

    def box(t: int) -> tuple[float, float, float, float]:
        half = (photo.width / 2 * 0.95 / rate**t, photo.height / 2 * 0.95 / rate**t)
        return (
            photo.width / 2 - half[0],
            photo.height / 2 - half[1],
            photo.width / 2 + half[0],
            photo.height / 2 + half[1],
        )

    frames = [noisy(photo.resize(size, Image.Resampling.BICUBIC, box(t)), t) for t in range(count)]

    def warp(frame: Array, _t: int) -> Array:
        inset = (side / 2 * (1 - 1 / rate), size[1] / 2 * (1 - 1 / rate))
        picture = Image.fromarray(frame.clip(0, 255).round().astype(np.uint8))
        part = (inset[0], inset[1], side - inset[0], size[1] - inset[1])
        return np.asarray(picture.resize(size, Image.Resampling.BICUBIC, part), dtype=np.float32)

    def valid(_t: int) -> NDArray[np.bool_]:
        seen = np.zeros((size[1], size[0]), bool)
        seen[MARGIN:-MARGIN, MARGIN:-MARGIN] = True
        return seen

    return Clip(f"zoom, {rate - 1:.1%} a frame", frames, warp, valid)


def noisy(image: Image.Image, seed: int) -> Image.Image:
    """The picture as a camera sees it: other noise in every frame."""
    noise = np.random.default_rng(seed).normal(0, NOISE, (image.height, image.width, 3))
    return Image.fromarray(
        (np.asarray(image, dtype=np.float64) + noise).clip(0, 255).round().astype(np.uint8)
    )


def warping_error(clip: Clip, frames: Sequence[Image.Image]) -> float:
    """Mean absolute difference of every frame and the warped one before it, levels of 255."""
    arrays = [np.asarray(frame, dtype=np.float32) for frame in frames]
    errors = []
    for t in range(1, len(arrays)):
        difference = np.abs(arrays[t] - clip.warp(arrays[t - 1], t)).mean(2)
        errors.append(float(difference[clip.valid(t)].mean()))
    return float(np.mean(errors))


def detail(frames: Sequence[Image.Image]) -> float:
    """Mean absolute difference of neighbouring pixels, levels of 255."""
    arrays = [np.asarray(frame, dtype=np.float32) for frame in frames]
    return float(np.mean([np.abs(np.diff(a, axis=i)).mean() for a in arrays for i in (0, 1)]))


@dataclass(frozen=True)
class Line:
    """One clip by one method."""

    clip: str
    method: str
    warping_error: float
    of_frame_by_frame: float
    detail: float
    away: float
    seconds_a_frame: float


def main(
    frames: Annotated[int, typer.Option(min=3, help="Frames of a clip.")] = 16,
    side: Annotated[int, typer.Option(min=64, help="Width of the clips in pixels.")] = 384,
    steps: Annotated[int, typer.Option(min=0, help="Inner steps of the style.")] = 6,
    examples: Annotated[Path, typer.Option(help="Folder with examples of the style.")] = EXAMPLES,
    device: str = "auto",
    clips: Annotated[
        Path | None, typer.Option(help="Write the clips to this folder, to be looked at.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the JSON file and the table.")] = RESULTS,
) -> None:
    """Measure flicker by method and clip; write JSON and a table."""
    engine = Engine.load(device=device)
    works = [Image.open(path).convert("RGB") for path in pictures(examples)[:3]]
    style = engine.adapt(works, steps=steps)
    photos = [Image.open(path).convert("RGB") for path in pictures(BANK)[:4]]
    lines: list[Line] = []
    inputs: dict[str, float] = {}
    for clip in (still(photos, side, frames), pan(photos, side, frames), zoom(photos, side, frames)):
        inputs[clip.name] = warping_error(clip, clip.frames)
        plain: list[Image.Image] = []
        for method, smoothing in METHODS.items():
            started = time.perf_counter()
            made = list(engine.stylize_frames(clip.frames, style, smoothing=smoothing))
            seconds = (time.perf_counter() - started) / len(made)
            plain = plain or made
            error, base = warping_error(clip, made), warping_error(clip, plain)
            away = np.mean(
                [
                    np.abs(np.asarray(a, float) - np.asarray(b, float)).mean()
                    for a, b in zip(made, plain, strict=True)
                ]
            )
            lines.append(
                Line(
                    clip.name, method, error, error / base, detail(made) / detail(plain), float(away), seconds
                )
            )
            typer.echo(row(lines[-1]), err=True)
            if clips is not None:
                clips.mkdir(parents=True, exist_ok=True)
                name = f"{clip.name.split(',')[0]}-{method.split(' (')[0].replace(' ', '-')}"
                write_clip(clips / f"{name}.webp", [Frame(image, 80) for image in made], ClipFormat.WEBP)
    machine = machine_info()
    noise = ", ".join(f"{name}: {value:.1f}" for name, value in inputs.items())
    summary = (
        f"{frames} frames of {side}x{side * 3 // 4}, noise of {NOISE:g} levels, a style of {steps} steps. "
        f"The clips themselves have a warping error (noise) of {noise}. "
        f"{machine['processor']}, {machine['cores']} cores."
    )
    document = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "libraries": library_versions(),
        "arguments": {"frames": frames, "side": side, "steps": steps},
        "inputs": inputs,
        "lines": [asdict(line) for line in lines],
    }
    out.mkdir(parents=True, exist_ok=True)
    name = f"flicker-{engine.base_hash[:8]}"
    text = page(lines, summary)
    (out / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    (out / f"{name}.md").write_text(text)
    typer.echo(text)


def row(line: Line) -> str:
    """A line of the table."""
    return (
        f"| {line.clip} | {line.method} | {line.warping_error:.2f} | {line.of_frame_by_frame:.2f} "
        f"| {line.detail:.2f} | {line.away:.1f} | {line.seconds_a_frame:.3f} s |"
    )


def page(lines: Sequence[Line], summary: str) -> str:
    """The table with what it was measured on."""
    head = (
        "| clip | method | warping error | of frame by frame | detail | away | a frame |\n" + "|---" * 7 + "|"
    )
    return f"# Flicker\n\n{summary}\n\n{head}\n" + "\n".join(row(line) for line in lines) + "\n"


if __name__ == "__main__":
    typer.run(main)
