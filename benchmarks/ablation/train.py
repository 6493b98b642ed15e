"""Trains the variants, each for the same time from the same checkpoint; what was trained is kept."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.ablation.variants import Variant
from model.checkpoint import load_base
from model.stylizer import StylizerConfig
from model.training.config import TrainingConfig
from model.training.phases import meta_phase, pretrain_phase
from model.training.run import Run


def configure(common: TrainingConfig, variant: Variant, minutes: float) -> TrainingConfig:
    """The variant's configuration; its folder is named after all that it depends on."""
    config = replace(
        common,
        pretrain_minutes=0.0 if variant.meta else minutes,
        meta_minutes=minutes if variant.meta else 0.0,
        stylizer=replace(StylizerConfig(), last_convolution=variant.last_convolution),
        **variant.changes,
    )
    assert config.start is not None
    start = hashlib.sha256(config.start.read_bytes()).hexdigest()
    settings = asdict(config) | {"start": start, "out": "", "styles": "", "contents": ""}
    name = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:12]
    return replace(config, out=common.out / f"{variant.key}-{name}")


def train(config: TrainingConfig, variant: Variant) -> Path:
    """The variant's checkpoint, from the cache when it is there; an interrupted training goes on."""
    path = config.out / "base.safetensors"
    if path.is_file():
        return path
    if not variant.trained:
        assert config.start is not None
        config.out.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copyfile(config.start, path))
    began = time.perf_counter()
    run = Run(config)
    phase = meta_phase(run, config) if variant.meta else pretrain_phase(run, config)
    run.train([phase], resume=True)
    return run.export(
        {
            "variant": variant.key,
            "outer_steps": run.progress.step,
            "train_seconds": round(time.perf_counter() - began, 1),
        }
    )


def outer_steps(path: Path) -> int:
    """How many outer steps a variant's training made in its time."""
    return int(load_base(path).header["card"].get("outer_steps", 0))
