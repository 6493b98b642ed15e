"""``fewstroke adapt`` and ``fewstroke stylize``: the same work without a server."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import progress as rich_progress

from app.cli.common import InputError, complain, err_console, reported_errors, tell
from model.passes import LARGEST_STROKES

if TYPE_CHECKING:
    from model.engine import Engine
    from model.frames import Smoothing
    from model.requests import Progress

Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Checkpoint = Annotated[
    Path | None, typer.Option(help="Another base checkpoint.", show_default="the one in the package")
]


def adapt(
    examples: Annotated[
        list[Path], typer.Argument(help="1 to 16 pictures in the style, or folders of them.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Style file to write (.safetensors).")],
    steps: Annotated[
        int | None, typer.Option(min=0, max=1000, help="Inner steps.", show_default="the checkpoint's")
    ] = None,
    contents: Annotated[
        list[Path] | None,
        typer.Option(help="Photos (or folders) to practise on.", show_default="a bank of free photos"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Same seed, same style.")] = 0,  # the API's
    device: Device = "auto",
    checkpoint: Checkpoint = None,
) -> None:
    """Learn a style from a few example pictures and write it to a file."""
    with reported_errors():
        from app.cli.pictures import expand, read_picture
        from app.cli.results import refuse_picture_name, write_bytes
        from app.imaging.limits import Ground
        from app.settings import load_settings

        settings = load_settings()
        files = expand(examples)
        if len(files) > settings.max_examples:
            raise InputError(
                f"{len(files)} examples are too many: choose at most {settings.max_examples} of them"
            )
        practice = expand(contents or [])
        if output.resolve() in {path.resolve() for path in (*files, *practice)}:
            raise InputError(f"{output} is one of the inputs and would be overwritten: choose another -o")
        if output.is_dir():
            raise InputError(f"{output} is a folder: name the style file, e.g. {output / 'mine.safetensors'}")
        refuse_picture_name(output, ".safetensors")
        pictures, photos = (
            [read_picture(path, longest=settings.example_side, ground=Ground.WHITE) for path in paths]
            for paths in (files, practice)
        )
        engine = _load(checkpoint, device)
        started = time.perf_counter()
        with _progress("adapting") as bar:
            task = bar.add_task("adapting", total=None, losses="")

            def on_progress(now: Progress) -> None:
                bar.update(task, completed=now.step, total=now.steps, losses=_losses(now.losses))

            style = engine.adapt(pictures, contents=photos, steps=steps, seed=seed, on_progress=on_progress)
        write_bytes(output, style.to_bytes())
        seconds = time.perf_counter() - started
        losses = style.header.losses
        tell(
            f"{output}: style of {len(pictures)} pictures in {seconds:.1f} s, "
            f"loss {losses['start']['total']:.3f} -> {losses['end']['total']:.3f}"
        )


def stylize(
    photos: Annotated[list[Path], typer.Argument(help="Photos and clips, or folders of photos.")],
    style: Annotated[Path, typer.Option("--style", "-s", help="Style file of `fewstroke adapt`.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder, or a file when there is one photo.")
    ] = Path(),
    strength: Annotated[
        float, typer.Option(min=0.0, max=2.0, help="0: hardly any style; 1: as learned.")
    ] = 1.0,
    size: Annotated[
        int | None,
        typer.Option(
            min=16, max=8192, help="Longer side of the result, px.", show_default="the photo's, at most 1280"
        ),
    ] = None,
    stroke_size: Annotated[
        float | None,
        typer.Option(
            min=1.0,
            max=LARGEST_STROKES,
            help="How large strokes are: 1 is the finest, 2 twice as large. Clips have the finest.",
            show_default="as at 640 px",
        ),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="png, jpeg or webp; of clips gif, webp, apng, mp4, mov, mkv or webm.",
            show_default="by -o, else png; of clips their own",
        ),
    ] = None,
    smooth: Annotated[
        bool, typer.Option(help="Clips: keep still what stands still, instead of rendering frame by frame.")
    ] = True,
    device: Device = "auto",
    checkpoint: Checkpoint = None,
) -> None:
    """Render photos and clips (animated GIF, WebP and PNG; videos with the extra `video`) in a style. Clips
    may have 600 frames and 30 seconds; videos keep their sound where the result can hold it. Results are
    named after photo and style: cat.jpg -> cat.hokusai.png."""
    with reported_errors():
        from app.cli.clips import clip_format, loses_sound, stylize_clip
        from app.cli.pictures import SUFFIXES, expand, output_format, read_picture, write_picture
        from app.cli.results import output_paths
        from app.imaging.formats import OutputFormat
        from app.imaging.moving import check_length, is_moving
        from app.imaging.transparency import opaque, with_alpha_of
        from app.settings import load_settings

        longest = size or load_settings().default_output_side
        given = expand(photos)
        if not style.is_file():
            raise InputError(f"{style} does not exist: make a style with `fewstroke adapt`")
        clips = [path for path in given if is_moving(path)]
        files = [path for path in given if path not in clips]
        forms = [clip_format(form, output, clip) for clip in clips]
        encoding = output_format(form, output) if files else OutputFormat.PNG
        suffixes = [*(SUFFIXES[encoding] for _ in files), *(each.suffix for each in forms)]
        targets = output_paths(files, clips, suffixes, style, output)
        photo_targets, clip_targets = targets[: len(files)], targets[len(files) :]
        for clip, each in zip(clips, forms, strict=True):
            check_length(clip, label=str(clip))
            if loses_sound(clip, each):
                complain(f"{clip} has sound that a {each} cannot hold: the result is silent", kind="warning")
        engine = _load(checkpoint, device)
        from model.style import Style

        learned = Style.from_bytes(style.read_bytes(), base_hash=engine.base_hash)
        with _progress("stylizing") as bar:
            task = bar.add_task("stylizing", total=len(given), losses="")
            for photo, target in zip(files, photo_targets, strict=True):
                content = read_picture(photo, longest=longest)
                rendered = engine.stylize(
                    opaque(content), learned, strength=strength, size=longest, stroke_size=stroke_size
                )
                write_picture(with_alpha_of(rendered, content), target, encoding)
                bar.advance(task)
                tell(str(target))
            for clip, target, each in zip(clips, clip_targets, forms, strict=True):
                stylize_clip(
                    engine,
                    clip,
                    learned,
                    target,
                    each,
                    strength=strength,
                    size=size,
                    smoothing=None if smooth else _frame_by_frame(),
                    on_frame=lambda number: bar.update(task, losses=f"frame {number}"),
                )
                bar.advance(task)
                tell(str(target))


def _load(checkpoint: Path | None, device: str) -> Engine:
    with err_console().status("loading the model"):
        from model.engine import Engine

        return Engine.load(checkpoint, device=device)


def _frame_by_frame() -> Smoothing:
    from model.frames import FRAME_BY_FRAME

    return FRAME_BY_FRAME


def _progress(what: str) -> rich_progress.Progress:
    return rich_progress.Progress(
        rich_progress.TextColumn(what),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TextColumn("{task.fields[losses]}"),
        rich_progress.TimeElapsedColumn(),
        console=err_console(),
    )


def _losses(losses: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.3f}" for name, value in losses.items())
