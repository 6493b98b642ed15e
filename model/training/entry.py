"""What ``fewstroke meta-train`` calls: a run from two folders to a base checkpoint."""

from __future__ import annotations

import csv
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from model.adaptation import AdaptConfig
from model.checkpoint import load_base, phi_shapes
from model.inner_rates import served_rates
from model.networks import Objective
from model.perceptual.network import PerceptualNetwork
from model.runtime import prefers_bf16, resolve_device
from model.training.config import TrainingConfig
from model.training.curves import draw_curves
from model.training.phases import usual_phases
from model.training.run import Run
from model.training.validate import ValidationRow, validate

SHARES = (0.2, 0.5, 0.3)  # of the minutes: distillation (with a teacher), pre-training, meta-training


def config_for_minutes(config: TrainingConfig, minutes: float) -> TrainingConfig:
    """Split a total of minutes over the phases; without a teacher pre-training takes its share."""
    distill, pretrain, meta = (minutes * share for share in SHARES)
    if config.teacher is None:
        distill, pretrain = 0.0, distill + pretrain
    return replace(config, distill_minutes=distill, pretrain_minutes=pretrain, meta_minutes=meta)


def meta_train(
    config: TrainingConfig,
    *,
    resume: bool = False,
    licence: str = "",
    report: Callable[[str], None] = print,
) -> Path:
    """Train, validate at steps 0/1/5/10, draw the curves, and write ``base.safetensors``.

    Returns the checkpoint's path. Raises ``FileNotFoundError`` when a folder holds no pictures.
    """
    run = Run(config)
    began = time.time()
    run.train(usual_phases(run), resume=resume)
    path = run.export(describe_run(run, [], time.time() - began, licence))
    rows = evaluate(config, path) or []
    if not rows:
        report("no validation: it needs two styles of two works and two photos that the split holds out")
    write_rows(config.out / "validation.csv", rows)
    for row in rows:
        report(
            f"{row.step:3d} steps: style {row.style:.3f} (unseen works {row.unseen:.3f}), "
            f"content {row.content:.3f}, {row.styles} held-out styles"
        )
    curves = draw_curves(config.out)
    report(f"curves: {curves}" if curves else "no curves: install the extra `train` for matplotlib")
    path = run.export(describe_run(run, rows, time.time() - began, licence))
    report(f"checkpoint: {path} ({path.stat().st_size:,} bytes)")
    return path


def evaluate(
    config: TrainingConfig, checkpoint: Path, *, kept: Path | None = None, deadline: float | None = None
) -> list[ValidationRow] | None:
    """Validate a checkpoint as it is on disk; None when the deadline came first (see ``validate``)."""
    device = resolve_device(config.device)
    base = load_base(checkpoint, device)
    adapt = AdaptConfig(size=config.meta_size, example_side=2 * config.meta_size, adapt=base.adapt)
    return validate(
        base.networks,
        Objective(PerceptualNetwork().to(device), amp=prefers_bf16(device)),
        served_rates(phi_shapes(base.networks), base.rates, adapt.rate).to(device),
        config.styles,
        config.contents,
        limit=config.validation_styles,
        config=adapt,
        kept=kept,
        deadline=deadline,
    )


def describe_run(run: Run, rows: list[ValidationRow], seconds: float, licence: str) -> dict[str, Any]:
    """The machine-readable model card in the checkpoint's header."""
    device = torch.cuda.get_device_name() if run.device.type == "cuda" else platform.machine()
    return {
        "licence": licence,
        "steps": run.progress.step,
        "seconds_of_last_call": round(seconds),
        "device": device,
        "torch": torch.__version__,
        "minutes": [
            _minutes_of(run, "distill"),
            _minutes_of(run, "pretrain", "refine"),
            _minutes_of(run, "meta", "continued"),
        ],
        "phases": [{"name": name, "minutes": round(minutes, 2)} for name, minutes in run.trained.items()],
        "algorithm": run.config.algorithm,
        "weights": asdict(run.config.weights),
        "critic": run.config.critic,
        "validation": [asdict(row) for row in rows],
    }


def _minutes_of(run: Run, *kinds: str) -> float:
    return round(sum(time_ for name, time_ in run.trained.items() if any(kind in name for kind in kinds)), 2)


def write_rows(path: Path, rows: list[ValidationRow]) -> None:
    """A row a line; nothing without rows."""
    if not rows:
        return
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(asdict(rows[0])))
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
