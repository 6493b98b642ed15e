"""``fewstroke text-train``, and ``fewstroke evaluate`` for poems and stories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.common import InputError, err_console, tell
from app.cli.train_options import BeginFrom, JointShare, Minutes, Out, RateScale, Seed, Threads, train
from app.cli.writing import LM_FOLDER, text_errors


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
    works: Path | None, checkpoint: Path | None, joint: Path | None, out: Path, *, written: int = 0
) -> None:
    """Right against wrong poet, over those that no training saw; poems.json and poems.md in ``out``."""
    with text_errors():
        if works is None or not works.is_dir():
            raise InputError("--works names a folder with a folder <collection>_<poet> for each poet")
        from benchmarks.evaluation import poems
        from model.text.poems.works import read_poets

        with err_console().status("measuring"):
            options = poems.PoemsOptions(written=written)
            results = poems.evaluate_poems(checkpoint, joint, read_poets(works), options)
        poems.write_results(results, out)
        tell(poems.table(results))
        if written:
            about = {name: value for name, value in results["written"].items() if name != "samples"}
            tell(json.dumps(about))


def evaluate_stories(
    works: Path | None, checkpoint: Path | None, joint: Path | None, out: Path, *, limit: int | None
) -> None:
    """Right against wrong author, over those that no training saw; stories.json and stories.md in ``out``."""
    with text_errors():
        if works is None or not works.is_dir():
            raise InputError("--works names a folder with a folder of works for each author")
        from app.settings import load_settings
        from benchmarks.evaluation import stories
        from model.text.stories.works import read_authors

        options = stories.StoriesOptions() if limit is None else stories.StoriesOptions(authors=limit)
        folder = load_settings().data_dir / LM_FOLDER
        results = stories.evaluate_stories(folder, checkpoint, joint, read_authors(works), options, tell)
        stories.write_results(results, out)
