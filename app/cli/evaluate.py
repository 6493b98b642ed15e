"""``fewstroke evaluate``: a thin wrapper over :mod:`benchmarks.evaluation`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli import blind as by_eye
from app.cli.checkout import benchmark_imports
from app.cli.common import ExitCode, InputError, complain, err_console, reported_errors
from app.cli.music import evaluate_music
from app.cli.text_training import blind_stories, evaluate_poems, evaluate_stories


def evaluate(
    modality: Annotated[
        str, typer.Option(help="image, music, poems or stories (these with --works).")
    ] = "image",
    works: Annotated[
        Path | None,
        typer.Option(help="Music, texts: folder with a folder for each composer, poet or author."),
    ] = None,
    fragments: Annotated[
        int,
        typer.Option(
            min=0, help="Music, texts: make and check so many; a classifier names composers of music."
        ),
    ] = 0,
    joint: Annotated[
        Path | None,
        typer.Option(help="Music, texts: checkpoint of the joint training alone, to be fine-tuned."),
    ] = None,
    styles: Annotated[
        Path | None, typer.Option(help="Folder with a folder of pictures for each artist.")
    ] = None,
    contents: Annotated[Path | None, typer.Option(help="Folder of photos.")] = None,
    groups: Annotated[
        str,
        typer.Option(help="Artists and photos: `validation`, `test`, `validation,test`, or a file of names."),
    ] = "validation",
    k: Annotated[str, typer.Option("--k", help="Numbers of examples.")] = "1,3,5,8",
    main_k: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=16,
            help="The K at which all rows are measured.",
            show_default="5, else the largest of --k",
        ),
    ] = None,
    steps: Annotated[
        str, typer.Option(help="Numbers of inner steps; `default` is the checkpoint's.")
    ] = "0,1,5,10,20,default,50",
    size: Annotated[int, typer.Option(min=64, help="Side of the photos in pixels.")] = 256,
    photos: Annotated[int, typer.Option(min=1, help="Photos each artist is applied to.")] = 5,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many artists.")] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Begin no artist after that; report on those done.")
    ] = None,
    rows: Annotated[
        str,
        typer.Option(
            help="`all`, or some of identity, color, magenta, ours, settings, baseline, no-meta, random, "
            "direct, sweep; poems, stories: `all` or `written`."
        ),
    ] = "all",
    checkpoint: Annotated[
        Path | None, typer.Option(help="The base checkpoint.", show_default="the one in the package")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE,...",
            help="One more row: an inner loop with other numbers of AdaptConfig, such as "
            "`rate=0.03,steps=12`; may be given again.",
        ),
    ] = None,
    baseline: Annotated[
        list[Path] | None, typer.Option(help="Another checkpoint to compare with; may be given again.")
    ] = None,
    no_meta: Annotated[
        Path | None, typer.Option(help="Checkpoint of the same network without meta-training.")
    ] = None,
    slow_limit: Annotated[
        str, typer.Option(help="ARTISTSxPHOTOS of the slow rows (random, direct).")
    ] = "4x1",
    direct_iterations: Annotated[
        int, typer.Option(min=1, help="Iterations of the direct optimization of a picture, over all levels.")
    ] = 350,
    random_steps: Annotated[int, typer.Option(min=1, help="Steps from a random start.")] = 200,
    strengths: Annotated[
        str, typer.Option(help="Strengths beside 1 for style at matched content distance.")
    ] = "0.5,0.75,1.25,1.5",
    seed: Annotated[
        int, typer.Option(help="Of the choice of artists, works, photos, and of adaptations.")
    ] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of torch and ONNX Runtime.")] = None,
    cache: Annotated[
        Path,
        typer.Option(help="Folder that keeps measured rows: a run that was killed goes on where it was."),
    ] = Path("runs/evaluate/cache"),
    out: Annotated[Path, typer.Option(help="Folder for the JSON file and the tables.")] = Path(
        "benchmarks/results"
    ),
    html: Annotated[
        Path, typer.Option(help="Folder for the HTML report and contact sheets: they show the data.")
    ] = Path("runs/evaluate"),
    blind: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="METHOD METHOD",
            help="Measure nothing; write sheets of pairs to be judged by eye. A METHOD is ours, "
            "ours:steps=0,k=1,checkpoint=FILE (any of these), magenta, direct, color, photo, or NAME=FOLDER "
            "of earlier results. Stories: own other, and how many pairs with --fragments.",
            rich_help_panel="Judged by eye",
        ),
    ] = None,
    pairs: Annotated[
        Path, typer.Option(help="Folder for sheets and verdict form.", rich_help_panel="Judged by eye")
    ] = Path("runs/evaluate/pairs"),
    key: Annotated[
        Path | None,
        typer.Option(
            help="File that says which method is on which side.",
            show_default="the name of --pairs and `-key.json`, beside it",
            rich_help_panel="Judged by eye",
        ),
    ] = None,
    pictures: Annotated[
        Path,
        typer.Option(
            help="Folder that keeps the methods' results: METHOD/STYLE/PHOTO.png.",
            rich_help_panel="Judged by eye",
        ),
    ] = Path("runs/evaluate/pictures"),
    unseen_above: Annotated[
        bool,
        typer.Option(
            "--unseen-above",
            help="Sheets show works of the artist that no method saw, not the examples.",
            rich_help_panel="Judged by eye",
        ),
    ] = False,
    figures: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METHOD",
            help="Measure figures that can be held against the eye, of the same pictures as --blind; given "
            "again for each METHOD.",
            rich_help_panel="Judged by eye",
        ),
    ] = None,
    count: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FORM",
            help="Count the verdicts of a filled-in form with --key; may be given again, for each judge.",
            rich_help_panel="Judged by eye",
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="JSON",
            help="With --count: how often each figure of this file of --figures agrees with the judge.",
            rich_help_panel="Judged by eye",
        ),
    ] = None,
) -> None:
    """Measure a checkpoint next to other methods on artists that it has never seen.

    Prints tables; writes JSON, Markdown and one self-contained HTML page. See docs/evaluation.md.
    """
    if modality == "music":
        return evaluate_music(works, checkpoint, joint, out, cache, fragments=fragments)
    if modality == "poems":
        return evaluate_poems(works, checkpoint, joint, out, written=fragments, measured=rows != "written")
    if modality == "stories" and blind is not None and not count:
        beside = key or by_eye.key_beside(pairs)
        return blind_stories(
            blind, works, checkpoint, pairs, beside, pictures, count=fragments, limit=limit, minutes=minutes
        )
    if modality == "stories" and not count:
        return evaluate_stories(
            works,
            checkpoint,
            joint,
            out,
            limit=limit,
            written=fragments,
            minutes=minutes,
            measured=rows != "written",
            kept=pictures,
        )
    with reported_errors():
        if modality != "image" and not count:
            raise InputError(f"--modality is image, music, poems or stories, not {modality}")
        if not count:
            for folder, option in ((styles, "--styles"), (contents, "--contents")):
                if folder is None:
                    raise InputError(f"{option} is missing: give a folder")
                if not folder.is_dir():
                    raise InputError(f"{folder} is no folder: check the name")
        with benchmark_imports():
            from benchmarks.errors import BenchmarkError, MissingPackageError
            from benchmarks.evaluation import options as words
            from benchmarks.evaluation.command import evaluate as run
            from model.image.adaptation.config import AdaptConfig
        console = err_console()

        def say(line: str) -> None:
            console.print(line, markup=False, soft_wrap=True)

        try:
            if count:
                by_eye.print_counts(count, key, against)
                return
            assert styles is not None
            assert contents is not None
            slow_artists, slow_photos = words.parse_slow_limit(slow_limit)
            chosen = words.Options(
                styles=styles,
                contents=contents,
                groups=groups,
                ks=words.parse_ks(k),
                main_k=main_k,
                steps=steps,
                size=size,
                photos=photos,
                seed=seed,
                limit=limit,
                minutes=minutes,
                rows=words.parse_rows(rows),
                slow_artists=slow_artists,
                slow_photos=slow_photos,
                direct_iterations=direct_iterations,
                random_steps=random_steps,
                checkpoint=checkpoint,
                baselines=tuple(baseline or ()),
                no_meta=no_meta,
                settings={text: words.parse_settings(text, AdaptConfig()) for text in settings or ()},
                strengths=words.parse_numbers(strengths, "--strengths", least=0, most=3),
                device=device,
                threads=threads,
                cache=cache,
                out=out,
                html=html,
            )
            if blind is not None:
                by_eye.write_sheets(blind, pairs, key, pictures, unseen_above, chosen, say)
                return
            if figures:
                by_eye.print_figures(figures, pictures, unseen_above, chosen, say)
                return
            evaluation, files = run(chosen, say)
        except MissingPackageError as error:
            complain(str(error))
            raise typer.Exit(ExitCode.SETUP) from error
        except BenchmarkError as error:
            raise InputError(str(error)) from error
        typer.echo(evaluation.markdown())
        for file in files:
            say(f"wrote {file}")
