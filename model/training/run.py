"""One training run: the phases in turn, resumable, with a log, pictures and a checkpoint every minute."""

from __future__ import annotations

import csv
import math
import random
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from model.checkpoint import phi_shapes, rates_table, save_base
from model.networks import Networks, Objective
from model.perceptual.vgg import VGG16Features
from model.runtime import keep_freed_memory, prefers_bf16, resolve_device
from model.training.config import TrainingConfig
from model.training.distill import TeacherPairs, distill_loss
from model.training.meta import MetaTraining
from model.training.pretrain import Pretraining
from model.training.samples import draw_samples
from model.training.state import ExponentialAverage, load_state, save_state

LossFn = Callable[[], dict[str, Tensor]]
LONGEST_STEP = 30.0  # seconds: a pause (a stopped process) does not use up a phase's time


@dataclass
class Phase:
    """A stretch of training with its own loss and schedule."""

    name: str
    minutes: float
    lr: float
    make_loss: Callable[[], LossFn]
    modules: Callable[[], dict[str, nn.Module]]  # trained beside the networks; asked after ``make_loss``
    module_lr: dict[str, float] = field(default_factory=dict)  # peak rates that differ from ``lr``


@dataclass
class Progress:
    """Where a run is."""

    phase: int = 0
    seconds: float = 0.0  # in this phase
    step: int = 0  # in all

    def as_dict(self) -> dict[str, float]:
        return {"phase": self.phase, "seconds": self.seconds, "step": self.step}


class Run:
    """Networks, objective, averages and the files of one run in ``config.out``."""

    def __init__(self, config: TrainingConfig) -> None:
        keep_freed_memory()
        self.config = config
        self.device = resolve_device(config.device)
        torch.manual_seed(config.seed)
        self.rng = random.Random(config.seed)
        self.objective = Objective(VGG16Features().to(self.device), amp=prefers_bf16(self.device))
        self.networks = Networks().to(self.device)
        self.average = ExponentialAverage(self.networks)
        self.progress = Progress()
        self.meta: MetaTraining | None = None
        config.out.mkdir(parents=True, exist_ok=True)
        self.state_path = config.out / "state.safetensors"

    def train(self, phases: list[Phase], *, resume: bool = False) -> None:
        """Run every phase from where the run is."""
        resumed = resume and self.state_path.exists()
        if not resumed:
            calibration = Pretraining(self.config, self.objective, random.Random(self.config.seed))
            calibration.calibrate(self.networks)
            self.average = ExponentialAverage(self.networks)
        else:
            stored = load_state(self.state_path, {"networks": self.networks}, None, self.average)
            self.progress = Progress(int(stored["phase"]), stored["seconds"], int(stored["step"]))
            self.rng.seed(self.config.seed + self.progress.step)
        for index, phase in enumerate(phases):
            if index < self.progress.phase or phase.minutes <= 0:
                continue
            if index > self.progress.phase:
                self.progress = Progress(index, 0.0, self.progress.step)
                resumed = False
            self._train_phase(phase, resumed)
            self._save(phase.name)
        self.progress.phase = len(phases)

    def _train_phase(self, phase: Phase, resumed: bool) -> None:
        loss_of = phase.make_loss()
        modules: dict[str, nn.Module] = {"networks": self.networks, **phase.modules()}
        parameters = [p for m in modules.values() for p in m.parameters() if p.requires_grad]
        groups = [
            {
                "params": [p for p in m.parameters() if p.requires_grad],
                "peak": phase.module_lr.get(name, phase.lr),
            }
            for name, m in modules.items()
        ]
        optimizer = torch.optim.Adam(groups, lr=phase.lr, betas=(0.9, 0.99))
        if resumed:
            load_state(self.state_path, modules, optimizer, self.average)
        self._current = (modules, optimizer)
        limit = 60 * phase.minutes
        last_save, last_sample = time.monotonic(), time.monotonic() - self.config.sample_seconds + 60
        bar = tqdm(total=round(limit), initial=round(self.progress.seconds), unit="s", desc=phase.name)
        smooth: dict[str, float] = {}
        while self.progress.seconds < limit:
            began = time.monotonic()
            rate = learning_rate(self.progress.seconds / limit)
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * rate
            losses = loss_of()
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(losses["total"])
            norm = nn.utils.clip_grad_norm_(parameters, 5.0)
            if bool(torch.isfinite(norm)):  # a rare overflow in bf16 is skipped, not averaged in
                optimizer.step()
                self.average.update(self.networks)
            for name, value in losses.items():
                number = float(value.detach())
                smooth[name] = number if name not in smooth else 0.98 * smooth[name] + 0.02 * number
            self.progress.step += 1
            took = min(time.monotonic() - began, LONGEST_STEP)
            self.progress.seconds += took
            bar.update(min(took, limit - bar.n))
            if self.progress.step % 20 == 0:
                bar.set_postfix({k: f"{v:.3f}" for k, v in smooth.items()} | {"step": self.progress.step})
                self._log(phase.name, smooth)
            if time.monotonic() - last_save > self.config.checkpoint_seconds:
                self._save(phase.name)
                last_save = time.monotonic()
            if time.monotonic() - last_sample > self.config.sample_seconds:
                draw_samples(self)
                last_sample = time.monotonic()
        bar.close()
        if smooth:
            self._log(phase.name, smooth)
        draw_samples(self)

    def averaged(self) -> Networks:
        """The networks with their averaged weights."""
        networks = deepcopy(self.networks)
        networks.load_state_dict(self.average.values)
        return networks.eval()

    def rates(self) -> dict[str, Tensor]:
        """The learned inner rates for the checkpoint; empty before meta-training."""
        if self.meta is None:
            return {}
        return rates_table(self.meta.rates, list(phi_shapes(self.networks)), self.config.meta_steps)

    def export(self, card: dict[str, Any]) -> Path:
        """Write the averaged networks and the inner rates to ``base.safetensors``."""
        path = self.config.out / "base.safetensors"
        save_base(path, self.averaged(), self.rates(), card)
        return path

    def _save(self, phase: str) -> None:
        modules, optimizer = self._current
        save_state(
            self.state_path, modules, optimizer, self.average, self.progress.as_dict() | {"name": phase}
        )

    def _log(self, phase: str, losses: dict[str, float]) -> None:
        path = self.config.out / f"log-{phase}.csv"
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["step", "seconds", *losses])
            writer.writerow(
                [self.progress.step, round(self.progress.seconds, 1), *(round(v, 5) for v in losses.values())]
            )


def learning_rate(progress: float) -> float:
    """Warm-up over the first hundredth, then a cosine to a twentieth; ``progress`` in 0..1."""
    warmup = min(1.0, progress / 0.01 + 0.05)
    return warmup * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))))


def pretraining_phases(run: Run) -> list[Phase]:
    """Phase 0 (when there is a teacher) and phase 1."""
    c = run.config

    def distilling() -> LossFn:
        pairs = TeacherPairs(c, run.objective, run.rng)
        return lambda: distill_loss(run.networks, run.objective, pairs.batch(c.batch))

    def perceptual() -> LossFn:
        pretraining = Pretraining(c, run.objective, run.rng)
        pretraining.fill()
        return lambda: pretraining.loss(run.networks)

    return [
        Phase("distill", c.distill_minutes if c.teacher else 0.0, 2e-3, distilling, dict),
        Phase("pretrain", c.pretrain_minutes, c.lr, perceptual, dict),
    ]


def meta_phases(run: Run) -> list[Phase]:
    """Phase 2."""
    c = run.config

    def make() -> LossFn:
        run.meta = MetaTraining(c, run.networks, run.objective, run.rng)
        return run.meta.meta_loss

    def modules() -> dict[str, nn.Module]:
        assert run.meta is not None
        return run.meta.modules

    return [Phase("meta", c.meta_minutes, c.meta_lr, make, modules, {"rates": c.rates_lr})]
