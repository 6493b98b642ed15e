"""``fewstroke meta-train``: a thin wrapper over :mod:`model.image.training.trainer`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.bounds import MAX_SEED
from app.cli.common import InputError, err_console, reported_errors, tell

if TYPE_CHECKING:
    from model.image.training.trainer import Run


def meta_train(
    styles: Annotated[
        list[Path],
        typer.Option(help="Folder with a folder of pictures for each style; may be given again."),
    ],
    contents: Annotated[list[Path], typer.Option(help="Folder of photos; may be given again.")],
    out: Annotated[Path, typer.Option(help="Folder for the checkpoint, the state and the log.")],
    start: Annotated[
        Path | None,
        typer.Option(help="Checkpoint to begin from.", show_default="new networks"),
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.01, help="Time of the whole training.")] = 60.0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last state in --out.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    seed: Annotated[
        int, typer.Option(min=0, max=MAX_SEED, help="Seed of the samples and of new networks.")
    ] = 0,
    critic: Annotated[
        float,
        typer.Option(min=0, help="Weight of a GAN critic's term on the fine levels, such as 0.05; 0: none."),
    ] = 0.0,
    licence: Annotated[
        str, typer.Option(help="Licence of the checkpoint, as stored in it and in its styles.")
    ] = "",
) -> None:
    """Train a base checkpoint over styles: the zero-step style first, then the inner loop's start and rates.

    Writes base.safetensors and log.csv to --out; a state every minute, from which --resume goes on. Serve the
    result with FEWSTROKE_CHECKPOINT=OUT/base.safetensors.
    """
    with reported_errors():
        for folder in (*styles, *contents):
            if not folder.is_dir():
                raise InputError(f"{folder} is no folder: check the name")
        if start is not None and not start.is_file():
            raise InputError(f"{start} does not exist: name a base checkpoint (.safetensors)")
        _check_out(out, resume=resume)
        with err_console().status("loading torch and the networks"):
            from model.image.training.trainer import Run, TrainingConfig

            config = TrainingConfig(
                styles=styles,
                contents=contents,
                out=out,
                start=start,
                minutes=minutes,
                device=device,
                seed=seed,
                critic=critic,
            )
            run = Run(config)
        try:
            with err_console().status(
                f"training for {minutes:g} minutes; {out / 'log.csv'} says how it goes"
            ):
                run.train()
        except FileNotFoundError as error:
            raise InputError(str(error)) from error
        tell(str(run.export(_card(run, licence))))


def _check_out(out: Path, *, resume: bool) -> None:
    """Raise InputError where there is another training in the way, or none to go on with."""
    begun = (out / "state.safetensors").is_file()
    if resume and not begun:
        raise InputError(f"{out} holds no training to go on with: leave --resume out to begin one")
    if not resume and out.exists() and (not out.is_dir() or any(out.iterdir())):
        goes_on = "add --resume to go on with it" if begun else "nothing in it is overwritten"
        raise InputError(f"{out} is there already: choose another --out ({goes_on})")


def _card(run: Run, licence: str) -> dict[str, Any]:
    """What the checkpoint says of itself."""
    import torch

    return {
        "licence": licence,
        "minutes": round(run.seconds / 60, 2),
        "steps": run.loop.steps_done,
        "seed": run.config.seed,
        "device": torch.cuda.get_device_name() if run.device.type == "cuda" else run.device.type,
        "torch": torch.__version__,
    }
