"""``fewstroke meta-train``: a thin wrapper over :mod:`model.training`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import InputError, reported_errors


def meta_train(
    styles: Annotated[Path, typer.Option(help="Folder with a folder of pictures for each style.")],
    contents: Annotated[Path, typer.Option(help="Folder of photos.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoints, log and curves.")],
    minutes: Annotated[
        float | None,
        typer.Option(min=0.1, help="Time for all phases together.", show_default="the schedule's"),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last state in --out.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of the samples and of the start.")] = 0,
    critic: Annotated[
        float, typer.Option(min=0, help="Weight of a GAN critic's term, such as 0.1; 0: no critic.")
    ] = 0.0,
    licence: Annotated[
        str, typer.Option(help="Licence of the checkpoint, as stored in it and in its styles.")
    ] = "",
) -> None:
    """Train a base checkpoint: zero-step pre-training, then MAML over styles.

    Writes base.safetensors, a log, validation figures and curves to --out; a state every minute, from
    which --resume goes on. Serve the result with FEWSTROKE_CHECKPOINT=OUT/base.safetensors.
    """
    with reported_errors():
        for folder in (styles, contents):
            if not folder.is_dir():
                raise InputError(f"{folder} is no folder: check the name")
        from model.training import entry
        from model.training.config import TrainingConfig

        config = replace(TrainingConfig(styles=styles, contents=contents, out=out), device=device, seed=seed)
        config = replace(config, critic=critic)
        if minutes is not None:
            config = entry.config_for_minutes(config, minutes)
        try:
            entry.meta_train(config, resume=resume, licence=licence, report=typer.echo)
        except FileNotFoundError as error:
            raise InputError(str(error)) from error
