"""Options that ``fewstroke music-train`` and ``fewstroke text-train`` have in common, and how both run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.bounds import MAX_SEED
from app.cli.common import err_console, tell

if TYPE_CHECKING:
    from model.sequence.training import SequenceTraining

Out = Annotated[Path, typer.Option(help="Folder for the checkpoint, the state and the log.")]
Minutes = Annotated[float, typer.Option(min=0.01, help="Processor time of the whole training.")]
JointShare = Annotated[float, typer.Option(min=0.0, max=1.0, help="Part of it before meta-training.")]
RateScale = Annotated[
    float, typer.Option(min=0.01, help="Factor on the learned inner rates, as stored in the checkpoint.")
]
BeginFrom = Annotated[
    Path | None, typer.Option(help="A checkpoint to go on from, if --out holds no state yet.")
]
Seed = Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of the samples and the network.")]
Threads = Annotated[int, typer.Option(min=1, help="Threads of torch.")]


def train(training: SequenceTraining, out: Path) -> None:
    """Train to the end, and say where the checkpoint is."""
    with err_console().status(f"training; {out / 'log.csv'} says how it goes"):
        training.train()
    tell(str(training.checkpoint_path))
