"""``fewstroke adapt`` and ``fewstroke stylize``: the same work without a server."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import progress as rich_progress

from app.bounds import MAX_SEED, MIN_SIZE, LabelPlace
from app.cli.common import InputError, about, complain, err_console, reported_errors, tell
from app.cli.music import adapt_works, are_works
from app.cli.rights import Rights
from app.cli.writing import adapt_texts, are_texts
from model.image.dials import (
    DEFAULT_ABSTRACTION,
    LEAST_STROKE_SIZE,
    MOST_STRENGTH,
    MOST_STROKE_SIZE,
    Dials,
)

if TYPE_CHECKING:
    from app.imaging.formats import ClipFormat
    from model.image.engine import Engine
    from model.image.rendering.video import Smoothing
    from model.modality import Progress

Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Checkpoint = Annotated[
    Path | None, typer.Option(help="Another base checkpoint.", show_default="the one in the package")
]


def adapt(
    examples: Annotated[
        list[Path],
        typer.Argument(
            help="1 to 16 pictures in the style, works of a composer, or texts of an author; or folders."
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Style file to write (.safetensors).")],
    steps: Annotated[
        int | None,
        typer.Option(
            min=0, help="Inner steps, at most FEWSTROKE_MAX_STEPS (100).", show_default="the checkpoint's"
        ),
    ] = None,
    contents: Annotated[
        list[Path] | None,
        typer.Option(help="Photos (or folders) to practise on.", show_default="a bank of free photos"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Same seed, same style.")] = 0,
    rights: Annotated[
        str | None, typer.Option(help="Whose the examples are: written into the style and its results.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="Under which they may be learned from, e.g. CC-BY-4.0.")
    ] = None,
    device: Device = "auto",
    checkpoint: Checkpoint = None,
) -> None:
    """Learn a style from a few pictures, works of music, or texts (.txt, .md, .docx, .epub), into a file."""
    said = Rights(rights or "", licence or "")
    if are_texts(examples):
        return adapt_texts(examples, output, steps=steps, seed=seed, checkpoint=checkpoint, rights=said)
    if are_works(examples):
        return adapt_works(examples, output, steps=steps, seed=seed, checkpoint=checkpoint, rights=said)
    with reported_errors():
        from app.cli.pictures import expand, read_pictures, refuse_reserved
        from app.cli.results import refuse_picture_name, write_bytes
        from app.imaging.limits import Ground
        from app.settings import load_settings

        settings = load_settings()
        _check_range("--steps", steps, 0, settings.max_steps)
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
        refuse_reserved(files)
        read = read_pictures([*files, *practice], longest=settings.example_side, ground=Ground.WHITE)
        pictures, photos = read[: len(files)], read[len(files) :]
        engine = _load(checkpoint, device)
        started = time.perf_counter()
        with _progress("adapting") as bar:
            task = bar.add_task("adapting", total=None, losses="")

            def on_progress(now: Progress) -> None:
                bar.update(task, completed=now.step, total=now.steps, losses=_losses(now.losses))

            style = engine.adapt(pictures, contents=photos, steps=steps, seed=seed, on_progress=on_progress)
        write_bytes(output, said.written_in(style).to_bytes())
        seconds = time.perf_counter() - started
        told = _closer(style.header.losses["end"])
        tell(f"{output}: style of {len(pictures)} pictures in {seconds:.1f} s, {told}")


def stylize(
    photos: Annotated[list[Path], typer.Argument(help="Photos and clips, or folders of photos.")],
    style: Annotated[Path, typer.Option("--style", "-s", help="Style file of `fewstroke adapt`.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder, or a file when there is one photo.")
    ] = Path(),
    strength: Annotated[
        float,
        typer.Option(min=0.0, max=MOST_STRENGTH, help="0: the photo itself; 1: as learned; above: more."),
    ] = 1.0,
    abstraction: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="0: all detail of the photo; 1: large shapes.")
    ] = DEFAULT_ABSTRACTION,
    stroke_size: Annotated[
        float,
        typer.Option(
            min=LEAST_STROKE_SIZE,
            max=MOST_STROKE_SIZE,
            help="How large strokes are, relative to the picture: 1 is as learned, 2 twice as large.",
        ),
    ] = 1.0,
    size: Annotated[
        int | None,
        typer.Option(
            min=MIN_SIZE,
            help="Longer side of the result, px, at most FEWSTROKE_MAX_OUTPUT_SIDE (8192).",
            show_default="the photo's, at most 1280",
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
    label: Annotated[
        LabelPlace | None,
        typer.Option(
            help="Where results have a label that people see, with the text FEWSTROKE_LABEL_TEXT.",
            show_default="FEWSTROKE_LABEL, else none",
        ),
    ] = None,
    device: Device = "auto",
    checkpoint: Checkpoint = None,
) -> None:
    """Render photos and clips (animated GIF, WebP and PNG; videos with the extra `video`) in a style. Clips
    may have FEWSTROKE_MAX_CLIP_FRAMES (150) frames and FEWSTROKE_MAX_CLIP_SECONDS (15) seconds; videos keep
    their sound where the result can hold it. Results are named after photo and style: cat.jpg ->
    cat.hokusai.png. A file that cannot be used is named, and the others are rendered; results that are there,
    made from the same with the same options, stay."""
    with reported_errors():
        from app.cli.clips import clip_format, loses_sound, stylize_clip
        from app.cli.made import Recipe, Result, make_each, without_results
        from app.cli.pictures import SUFFIXES, expand, output_format, read_picture
        from app.cli.results import output_paths, write_bytes
        from app.imaging.clip_reader import ClipLimits, check_length, is_moving
        from app.imaging.encode import encode
        from app.imaging.formats import OutputFormat
        from app.imaging.transparency import opaque, with_alpha_of
        from app.provenance.label import Label
        from app.provenance.signer import Signer
        from app.settings import load_settings

        settings = load_settings()
        _check_range("--size", size, MIN_SIZE, settings.max_output_side)
        longest = size or settings.default_output_side
        drawn_label = Label.of(settings)
        if label is not None:
            drawn_label = drawn_label.at(label)
        limits = ClipLimits(settings.max_clip_frames, settings.max_clip_seconds)
        given = without_results(expand(photos), named=photos, output=output)
        if not style.is_file():
            raise InputError(f"{style} does not exist: make a style with `fewstroke adapt`")
        clips = [path for path in given if is_moving(path)]
        files = [path for path in given if path not in clips]
        forms = [clip_format(form, output, clip) for clip in clips]
        encoding = output_format(form, output) if files else OutputFormat.PNG
        suffixes = [*(SUFFIXES[encoding] for _ in files), *(each.suffix for each in forms)]
        targets = output_paths(files, clips, suffixes, style, output)
        if len(given) == 1 and clips:
            check_length(clips[0], limits, label=str(clips[0]))  # before the model is loaded
        engine = _load(checkpoint, device)
        from model.image.style import Style

        with about(style):
            data = style.read_bytes()
            learned = Style.from_bytes(data, base_hash=engine.base_hash)
        dials = Dials(strength, abstraction, stroke_size)
        options = {**asdict(dials), "size": size, "smooth": smooth}
        recipe = Recipe(
            Signer.of(settings),
            base_hash=engine.base_hash,
            style=data,
            options=options,
            label=drawn_label,
            watermark=settings.watermark == "on" and strength > 0,
        )
        with _progress("stylizing") as bar:
            task = bar.add_task("stylizing", total=len(given), losses="")

            def make_photo(photo: Path, target: Path, mark: str) -> None:
                content = read_picture(photo, longest=longest)
                with about(style):
                    rendered = engine.stylize(opaque(content), learned, size=longest, **asdict(dials))
                picture = recipe.watermarked(drawn_label.draw(with_alpha_of(rendered, content)), mark)
                data = encode(picture, encoding, xmp=recipe.xmp(mark))
                write_bytes(target, recipe.signed(data, encoding.media_type, mark, photo))

            def make_clip(clip: Path, target: Path, each: ClipFormat, mark: str) -> None:
                with about(clip):
                    check_length(clip, limits, label=str(clip))
                    if loses_sound(clip, each):
                        complain(
                            f"{clip} has sound that a {each} cannot hold: the result is silent",
                            kind="warning",
                        )
                    stylize_clip(
                        engine,
                        clip,
                        learned,
                        target,
                        each,
                        dials=dials,
                        size=size,
                        smoothing=None if smooth else _frame_by_frame(),
                        limits=limits,
                        note=mark,
                        label=drawn_label,
                        sign=lambda data: recipe.signed(data, each.media_type, mark, clip),
                        on_frame=lambda number: bar.update(task, losses=f"frame {number}"),
                    )

            ways = [
                *(partial(make_photo, *pair) for pair in zip(files, targets, strict=False)),
                *(
                    partial(make_clip, *each)
                    for each in zip(clips, targets[len(files) :], forms, strict=True)
                ),
            ]
            results = [Result(*each) for each in zip([*files, *clips], targets, ways, strict=True)]
            make_each(results, recipe, on_end=lambda: bar.advance(task))


def _check_range(option: str, value: int | None, least: int, most: int) -> None:
    """As typer has it for bounds that are no settings. Raises typer.BadParameter."""
    if value is not None and not least <= value <= most:
        raise typer.BadParameter(f"{value} is not in the range {least}<=x<={most}.", param_hint=f"'{option}'")


def _load(checkpoint: Path | None, device: str) -> Engine:
    with err_console().status("loading the model"):
        from model.image.engine import Engine

        return Engine.load(checkpoint, device=device)


def _frame_by_frame() -> Smoothing:
    from model.image.rendering.video import FRAME_BY_FRAME

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


def _losses(losses: Mapping[str, float]) -> str:
    """As a bar has it; nothing before the first is known."""
    return _closer(losses) if losses else ""


def _closer(losses: Mapping[str, float]) -> str:
    """How much the loss has fallen, in words."""
    if losses["total"] >= 1:
        return "as without learning"
    return f"{1 - losses['total']:.0%} closer than without learning"
