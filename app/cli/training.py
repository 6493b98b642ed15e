"""``fewstroke meta-train``: a thin wrapper over :mod:`model.training`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import reported_errors


def meta_train(
    styles: Annotated[Path, typer.Option(help="Folder with a folder of pictures per style.")],
    contents: Annotated[Path, typer.Option(help="Folder of photos.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoints, log and curves.")],
    minutes: Annotated[
        float, typer.Option(min=0.1, help="Minutes of training, shared out over the phases.")
    ] = 120.0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    teacher: Annotated[
        Path | None, typer.Option(help="Targets of scripts/teacher_targets.py, for a warm start.")
    ] = None,
    size: Annotated[int, typer.Option(min=64, help="Pixels a side of the training crops.")] = 128,
    batch: Annotated[int, typer.Option(min=1, help="Renders in a pre-training step.")] = 8,
    seed: Annotated[int, typer.Option(help="Seed of the weights and of every draw.")] = 0,
    licence: Annotated[str, typer.Option(help="Licence to write into the checkpoint.")] = "",
) -> None:
    """Meta-train a base checkpoint: zero-step pre-training, then MAML over styles.

    Writes base.safetensors, a log and a picture of the curves, contact sheets, and the validation on
    held-out styles at steps 0, 1, 5 and 10. The state is saved every minute: stop it at any time and go
    on with --resume.
    """
    with reported_errors():
        from model.training.config import TrainingConfig
        from model.training.entry import config_for_minutes
        from model.training.entry import meta_train as train

        config = TrainingConfig(
            styles=styles,
            contents=contents,
            out=out,
            teacher=teacher,
            device=device,
            seed=seed,
            size=size,
            meta_size=size,
            batch=batch,
        )
        train(config_for_minutes(config, minutes), resume=resume, licence=licence, report=typer.echo)
