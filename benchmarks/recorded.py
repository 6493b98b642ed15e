"""Are recorded training steps the eager ones, and what do they save? ``python -m benchmarks.recorded``.

A step of pre-training and a first-order outer step with a campaign's settings, as a CUDA graph and eagerly on
the same samples: milliseconds, losses and the cosine of the gradients. The colour term's directions are drawn
anew at each step, so neither is the same to the last digit. Needs what training needs, and a GPU to record
on; ends with status 1 where the two disagree.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from model.runtime import resolve_device
from model.training.campaign import LARGEST_TASK, configure
from model.training.config import TrainingConfig
from model.training.meta import MetaTraining
from model.training.pretrain import Pretraining
from model.training.recorded import WARM_UP, RecordedStep
from model.training.run import Run

REPEATS = 5
LOSS_WITHIN, COSINE_ABOVE = 0.03, 0.9  # the colour term's directions move a loss by about a hundredth


def compare(
    parameters: Sequence[Tensor],
    device: torch.device,
    prepare: Callable[[], object],
    loss: Callable[[], dict[str, Tensor]],
) -> dict[str, float | bool]:
    """One step both ways. Without a GPU both are eager, and ``recorded`` says so."""
    step, eager = RecordedStep(parameters, device), RecordedStep(parameters, device, record=False)
    prepare()
    for _ in range(WARM_UP + 2):
        step("step", loss)
    recorded_ms, total, gradients = _measured(lambda: step("step", loss), parameters, device)
    eager(None, loss)
    eager_ms, wanted, wanted_gradients = _measured(lambda: eager(None, loss), parameters, device)
    cosine = float(torch.nn.functional.cosine_similarity(gradients, wanted_gradients, dim=0))
    return {
        "recorded": step.record,
        "recorded_ms": round(recorded_ms, 1),
        "eager_ms": round(eager_ms, 1),
        "recorded_loss": round(total, 4),
        "eager_loss": round(wanted, 4),
        "cosine": round(cosine, 4),
        "agree": abs(total - wanted) < LOSS_WITHIN * abs(wanted) and cosine > COSINE_ABOVE,
    }


def _measured(
    step: Callable[[], dict[str, Tensor]], parameters: Sequence[Tensor], device: torch.device
) -> tuple[float, float, Tensor]:
    """Mean milliseconds, and the last step's loss and gradients in one vector."""
    _wait(device)
    began = time.perf_counter()
    for _ in range(REPEATS):
        losses = step()
    _wait(device)
    took = (time.perf_counter() - began) / REPEATS * 1000
    gradients = torch.cat([p.grad.flatten().float().cpu() for p in parameters if p.grad is not None])
    return took, float(losses["total"]), gradients


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure(config: TrainingConfig) -> dict[str, dict[str, float | bool]]:
    """Both kinds of steps."""
    run = Run(config)
    sampling = Pretraining(config, run.objective, run.rng)
    sampling.fill()
    found = {
        "pre-training": compare(
            list(run.networks.parameters()), run.device, sampling.prepare, lambda: sampling.loss(run.networks)
        )
    }
    sampling.close()
    meta = MetaTraining(config, run.networks, run.objective, run.rng)
    found["outer step, first order"] = compare(
        [*run.networks.parameters(), *meta.rates.parameters()], run.device, meta.prepare, meta.meta_loss
    )
    meta.close()
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recorded", description=__doc__)
    parser.add_argument("--styles", type=Path, required=True, help="folder of style folders")
    parser.add_argument("--contents", type=Path, required=True, help="folder of photos")
    parser.add_argument("--start", type=Path, help="base checkpoint (default: new networks)")
    parser.add_argument("--size", type=int, default=LARGEST_TASK, help="of the crops, pixels")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        config = configure(
            TrainingConfig(
                options.styles,
                options.contents,
                Path(folder),
                start=options.start,
                device=options.device,
                size=options.size,
                meta_size=options.size,
            )
        )
        # the photo's own style and mixtures are drawn anew at each step, too
        found = measure(replace(config, identity_share=0.0, mix_share=0.0))
    device = resolve_device(options.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    print(json.dumps({"device": name, "torch": torch.__version__, "steps": found}, indent=1))
    return 0 if all(step["agree"] for step in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
