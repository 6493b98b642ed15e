"""``fewstroke text-train``, and ``fewstroke evaluate`` for poems and stories."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.common import InputError, err_console, tell
from app.cli.train_options import BeginFrom, JointShare, Minutes, Out, RateScale, Seed, Threads, train
from app.cli.writing import LM_FOLDER, text_errors

if TYPE_CHECKING:
    from benchmarks.evaluation.written_stories import WrittenOptions
    from model.text.stories.works import Author


def text_train(
    out: Out,
    poems: Annotated[
        Path | None,
        typer.Option(help="Folder with a folder <collection>_<poet> with .txt files for each poet."),
    ] = None,
    stories: Annotated[
        Path | None, typer.Option(help="Folder with a folder of .txt files, one a work, for each author.")
    ] = None,
    minutes: Minutes = 60.0,
    joint_share: JointShare = 0.7,
    rate_scale: RateScale = 1.0,
    begin_from: BeginFrom = None,
    seed: Seed = 0,
    threads: Threads = 1,
) -> None:
    """Train a checkpoint of poems or of stories; called again with the same --out, it goes on where it stood.

    Writes poems.safetensors or stories.safetensors, and log.csv to --out, and a state every minute.
    """
    with text_errors():
        if (poems is None) == (stories is None):
            raise InputError("name the folder of one of --poems and --stories")
        folder = poems or stories
        assert folder is not None
        if not folder.is_dir():
            raise InputError(f"{folder} is no folder: check the name")
        import torch

        from model.sequence.training import SequenceTraining

        torch.set_num_threads(threads)
        training: SequenceTraining
        settings: dict[str, Any] = {
            "out": out,
            "begin_from": begin_from,
            "minutes": minutes,
            "joint_share": joint_share,
            "seed": seed,
            "rate_scale": rate_scale,
        }
        with err_console().status("reading the works"):
            if poems is not None:
                from model.text.poems.training import PoemsTraining, PoemsTrainingConfig
                from model.text.poems.works import read_poets

                training = PoemsTraining(PoemsTrainingConfig(**settings), read_poets(folder))
            else:
                from app.settings import load_settings
                from model.text.stories.base import load_stories
                from model.text.stories.training import StoriesTraining, StoriesTrainingConfig
                from model.text.stories.works import read_authors

                base = load_stories(load_settings().data_dir / LM_FOLDER)
                training = StoriesTraining(StoriesTrainingConfig(**settings), base, read_authors(folder))
        train(training, out)


def evaluate_poems(
    works: Path | None,
    checkpoint: Path | None,
    joint: Path | None,
    out: Path,
    *,
    written: int = 0,
    measured: bool = True,
) -> None:
    """Right against wrong poet, over those that no training saw; poems.json and poems.md in ``out``."""
    with text_errors():
        if works is None or not works.is_dir():
            raise InputError("--works names a folder with a folder <collection>_<poet> for each poet")
        from benchmarks.evaluation import poems
        from model.text.poems.works import read_poets

        with err_console().status("measuring"):
            options = poems.PoemsOptions(written=written, measured=measured)
            results = poems.evaluate_poems(checkpoint, joint, read_poets(works), options)
        poems.write_results(results, out)
        tell(poems.table(results))
        if written:
            about = {name: value for name, value in results["written"].items() if name != "samples"}
            tell(json.dumps(about))


def evaluate_stories(
    works: Path | None,
    checkpoint: Path | None,
    joint: Path | None,
    out: Path,
    *,
    limit: int | None,
    written: int = 0,
    minutes: float | None = None,
    measured: bool = True,
    kept: Path,
) -> None:
    """Right against wrong author, over those that no training saw, and what written stories copy.

    stories.json and stories.md in ``out``.
    """
    with text_errors():
        from benchmarks.evaluation import stories
        from benchmarks.evaluation.written_stories import copies, write_stories

        folder, authors = _authors(works)
        results: dict[str, Any] = {}
        if measured:
            options = stories.StoriesOptions() if limit is None else stories.StoriesOptions(authors=limit)
            results = stories.evaluate_stories(folder, checkpoint, joint, authors, options, tell)
        if written:
            from model.text.stories.base import load_stories

            asked = _to_write(written, limit, minutes)
            made = write_stories(load_stories(folder, checkpoint), authors, asked, kept, err_console().print)
            results["written"] = copies(made)
            tell(json.dumps({name: value for name, value in results["written"].items() if name != "samples"}))
        stories.write_results(results, out)


def blind_stories(
    methods: tuple[str, str],
    works: Path | None,
    checkpoint: Path | None,
    pairs: Path,
    key: Path,
    kept: Path,
    *,
    count: int,
    limit: int | None,
    minutes: float | None,
) -> None:
    """A sheet of ``count`` pairs to be judged blind, its form, and the key apart."""
    with text_errors():
        from benchmarks.errors import BenchmarkError
        from benchmarks.evaluation.blind.command import BlindOptions, check_paths
        from benchmarks.evaluation.written_stories import METHODS, write_pairs, write_stories
        from model.text.stories.base import load_stories

        if methods != METHODS or not count:
            raise InputError("of stories: --blind own other, and how many pairs with --fragments")
        folder, authors = _authors(works)
        asked = _to_write(2 * count, limit, minutes)
        try:
            check_paths(BlindOptions(methods, pairs, key, kept))
            base = load_stories(folder, checkpoint)
            made = write_stories(base, authors, asked, kept, err_console().print)
            about = {"options": asdict(asked), "base": base.hash}
            write_pairs(pairs, made, authors, count, asked, about).write(key)
        except BenchmarkError as error:
            raise InputError(str(error)) from error
        for file in (pairs, key):
            err_console().print(f"wrote {file}")


def _to_write(stories: int, limit: int | None, minutes: float | None) -> WrittenOptions:
    """Options for at least so many stories in all. ``limit``: of authors."""
    from benchmarks.evaluation.written_stories import WrittenOptions

    authors = limit or WrittenOptions.authors
    return WrittenOptions(each=-(-stories // authors), authors=authors, minutes=minutes)


def _authors(works: Path | None) -> tuple[Path, list[Author]]:
    """The folder of the language model, and who wrote the works."""
    if works is None or not works.is_dir():
        raise InputError("--works names a folder with a folder of works for each author")
    from app.settings import load_settings
    from model.text.stories.works import read_authors

    return load_settings().data_dir / LM_FOLDER, read_authors(works)
