"""One training run: the phases in turn, resumable, with a log, pictures and a checkpoint every minute."""

from __future__ import annotations

import csv
import math
import random
import time
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from model.checkpoint import load_base, save_base
from model.critic import Critic, CriticConfig
from model.networks import Networks, Objective
from model.perceptual.network import PerceptualNetwork
from model.runtime import keep_freed_memory, prefers_bf16, resolve_device
from model.training.config import TrainingConfig
from model.training.phases import Phase
from model.training.pretrain import Pretraining
from model.training.recorded import RecordedStep
from model.training.samples import draw_samples
from model.training.state import ExponentialAverage, load_state, save_state, stored_modules
from model.training.throughput import Throughput
from model.training.watch import PATIENCE, Watch
from model.training.widen import widened

LONGEST_STEP = 30.0  # seconds: a pause (a stopped process) does not use up a phase's time
LAST_MINUTE = 5.0  # seconds kept back before a deadline, to save what was reached


@dataclass
class Progress:
    """Where a run is."""

    phase: int = 0
    seconds: float = 0.0  # in this phase
    step: int = 0  # in all
    notes: list[str] = field(default_factory=list)  # what did not go as planned

    def as_dict(self) -> dict[str, Any]:
        return {"phase": self.phase, "seconds": self.seconds, "step": self.step, "notes": self.notes}


class Run:
    """Networks, objective, averages and the files of one run in ``config.out``."""

    def __init__(self, config: TrainingConfig) -> None:
        keep_freed_memory()
        self.config = config
        self.device = resolve_device(config.device)
        torch.manual_seed(config.seed)
        self.rng = random.Random(config.seed)
        self.objective = Objective(
            PerceptualNetwork().to(self.device),
            amp=prefers_bf16(self.device),
            patches=config.weights.patches > 0,
        )
        self.networks, self.critic, self.carried = _beginning(config, self.device)
        self.average = ExponentialAverage(self.networks)
        self.progress = Progress()
        self.phases: list[Phase] = []
        # until a meta-training phase has learned its own
        self.learned_rates: dict[str, Tensor] = load_base(config.start).rates if config.start else {}
        config.out.mkdir(parents=True, exist_ok=True)
        self.state_path = config.out / "state.safetensors"
        self.throughput = Throughput(config.out / "throughput.csv", self.device)

    @property
    def permanent(self) -> dict[str, nn.Module]:
        """What is trained in every phase."""
        critic = {"critic": self.critic} if self.critic is not None else {}
        return {"networks": self.networks, **critic}

    @property
    def trained(self) -> dict[str, float]:
        """Minutes of training behind the weights, by phase, over all calls."""
        at, seconds = self.progress.phase, self.progress.seconds
        done = {p.name: p.minutes if i < at else seconds / 60 for i, p in enumerate(self.phases[: at + 1])}
        return {name: minutes for name, minutes in done.items() if minutes > 0}

    def train(self, phases: list[Phase], *, resume: bool = False, deadline: float | None = None) -> bool:
        """Run every phase from where the run is.

        Args:
            resume: go on from the state in ``config.out`` when there is one.
            deadline: of ``time.monotonic()``: save and come back when it is near.

        Returns:
            False when the deadline came first: call again, with ``resume``.
        """
        self.phases = phases
        resumed = resume and self.state_path.exists()
        if resumed:
            stored = load_state(self.state_path, self.permanent, None, self.average)
            self.progress = Progress(
                int(stored["phase"]), stored["seconds"], int(stored["step"]), list(stored.get("notes", []))
            )
            self.carried = stored_modules(self.state_path)
            self.learned_rates = self.carried.pop("extra", {})
            seed = self.config.seed + self.progress.step  # or each call would draw what the first one did
            self.rng.seed(seed)
            torch.manual_seed(seed)
        elif self.config.start is None or (self.critic is not None and "critic" not in self.carried):
            calibration = Pretraining(
                self.config, self.objective, random.Random(self.config.seed), critic=self.critic
            )
            calibration.calibrate(self.networks if self.config.start is None else None)
            calibration.close()
            self.average = ExponentialAverage(self.networks)
        for index, phase in enumerate(phases):
            if index < self.progress.phase or phase.minutes <= 0:
                continue
            if index > self.progress.phase:
                self.progress = Progress(index, 0.0, self.progress.step, self.progress.notes)
                resumed = False
            if self.progress.seconds >= 60 * phase.minutes:
                continue
            finished = self._train_phase(phase, resumed, deadline)
            if not finished:
                return False
            self.export({"after": phase.name}, name=f"after-{phase.name}.safetensors")  # to compare with
            if deadline is not None and time.monotonic() + LAST_MINUTE > deadline and phase is not phases[-1]:
                return False  # the next phase has pools to fill
        self.progress.phase = len(phases)
        return True

    def _train_phase(self, phase: Phase, resumed: bool, deadline: float | None) -> bool:
        """Train to the end of the phase (True) or to the deadline (False), and save."""
        job = phase.make_job(self.progress.notes)
        self.average.decay = phase.average_decay
        modules = {**self.permanent, **job.modules}
        for name, module in job.modules.items():  # learned in an earlier phase of the same kind
            if name in self.carried:
                module.load_state_dict(self.carried[name])
        playing = [p for name, m in modules.items() if name != "critic" for p in m.parameters()]
        playing = [p for p in playing if p.requires_grad]
        judging = list(self.critic.parameters()) if self.critic is not None else []
        optimizer = torch.optim.Adam(
            [
                {
                    "params": [p for p in m.parameters() if p.requires_grad],
                    "peak": phase.rates.get(name, phase.lr),
                }
                for name, m in modules.items()
            ],
            lr=phase.lr,
            betas=(0.9, 0.99),
            fused=self.device.type == "cuda",
        )
        if resumed:
            load_state(self.state_path, modules, optimizer, self.average)
        self._current = (modules, optimizer, job)
        recorded = RecordedStep(
            [*playing, *judging], self.device, report=self._note, record=self.config.record_steps
        )
        limit = 60 * phase.minutes
        last_save, last_sample = time.monotonic(), time.monotonic() - self.config.sample_seconds + 60
        bar = tqdm(total=math.ceil(limit), initial=int(self.progress.seconds), unit="s", desc=phase.name)
        watch = Watch(self.device)
        in_time, longest = True, 0.0
        while self.progress.seconds < limit and in_time:
            began = time.monotonic()
            done = phase.position(self.progress.seconds / limit)
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * learning_rate(done)
            losses = recorded(job.prepare(done), partial(job.loss, done))
            norm = nn.utils.clip_grad_norm_(playing, 5.0)
            if judging:  # of its own: a player's scale is no business of the other's
                norm = norm + nn.utils.clip_grad_norm_(judging, 5.0)
            finite = watch.look(norm, losses)
            if self.device.type == "cuda":  # asking would wait: the optimiser skips such a step by itself
                optimizer.found_inf = (~finite).float()  # type: ignore[attr-defined]
                optimizer.step()
                self.average.update(self.networks)
            elif bool(finite):  # a rare overflow in bf16 is skipped, not averaged in
                optimizer.step()
                self.average.update(self.networks)
            # every look waits for an accelerator that works ahead of us
            if self.progress.step % (20 if self.device.type == "cuda" else 1) == 0 and watch.overflows() > 0:
                self._note(job.rescue() or f"undefined gradients in {PATIENCE} {phase.name} steps in a row")
            self.progress.step += 1
            took = min(time.monotonic() - began, LONGEST_STEP)
            self.progress.seconds += took
            self.throughput.add(phase.name, self.progress.step, job.renders)
            bar.update(min(took, limit - bar.n))
            if self.progress.step % 20 == 0 and (smooth := watch.means()):
                bar.set_postfix({k: f"{v:.3f}" for k, v in smooth.items()} | {"step": self.progress.step})
                self._log(phase.name, smooth)
            if time.monotonic() - last_save > self.config.checkpoint_seconds:
                self._save(phase.name)
                last_save = time.monotonic()
            if time.monotonic() - last_sample > self.config.sample_seconds:
                draw_samples(self)
                last_sample = time.monotonic()
            longest = max(longest, took)
            in_time = deadline is None or time.monotonic() + 2 * longest + LAST_MINUTE < deadline
        bar.close()
        if smooth := watch.means():
            self._log(phase.name, smooth)
        self.carried |= {name: m.state_dict() for name, m in modules.items() if name != "networks"}
        self._save(phase.name)
        self.throughput.flush()
        job.close()
        finished = self.progress.seconds >= limit
        if finished and in_time:
            draw_samples(self)
        return finished

    def averaged(self) -> Networks:
        """The networks with their averaged weights."""
        networks = deepcopy(self.networks)
        networks.load_state_dict(self.average.values)
        return networks.eval()

    def rates(self) -> dict[str, Tensor]:
        """The inner rates of the last meta-training for the checkpoint; empty before it."""
        return self.learned_rates

    def export(self, card: dict[str, Any], *, name: str = "base.safetensors") -> Path:
        """Write the averaged networks, the inner rates and the critic."""
        path = self.config.out / name
        card = card | {"notes": self.progress.notes} if self.progress.notes else card
        save_base(path, self.averaged(), self.rates(), card, critic=self.critic, adapt=self.config.adapt)
        return path

    def _note(self, text: str) -> None:
        """Keep what did not go as planned: in the state, in ``notes.log`` and in the checkpoint's card."""
        line = f"step {self.progress.step}: {text}"
        self.progress.notes.append(line)
        tqdm.write(line)
        with (self.config.out / "notes.log").open("a") as file:
            file.write(line + "\n")

    def _save(self, phase: str) -> None:
        modules, optimizer, job = self._current
        self.learned_rates = job.rates() or self.learned_rates
        progress = self.progress.as_dict() | {"name": phase}
        save_state(self.state_path, modules, optimizer, self.average, progress, self.learned_rates)

    def _log(self, phase: str, losses: dict[str, float]) -> None:
        path = self.config.out / f"log-{phase}.csv"
        new = not path.exists()
        names = (
            ["step", "seconds", *losses] if new else path.read_text().partition("\n")[0].strip().split(",")
        )
        with path.open("a", newline="") as file:
            # By name: a loss that is no more leaves its column empty.
            writer = csv.DictWriter(file, names, extrasaction="ignore")
            if new:
                writer.writeheader()
            row = {name: round(value, 5) for name, value in losses.items()}
            writer.writerow({"step": self.progress.step, "seconds": round(self.progress.seconds, 1), **row})


def _beginning(
    config: TrainingConfig, device: torch.device
) -> tuple[Networks, Critic | None, dict[str, dict[str, Tensor]]]:
    """Networks and critic, new or from the checkpoint to start from; and what that checkpoint gave."""
    critic = None
    if config.critic > 0:
        critic = Critic(CriticConfig(embedding=config.encoder.embedding)).to(device)
    if config.start is None:
        shape = replace(config.stylizer, rank=config.rank or config.stylizer.rank)
        return Networks(shape, config.encoder).to(device), critic, {}
    base = load_base(config.start, device)
    shape = base.networks.stylizer.config
    if config.stylizer.last_convolution:
        shape = replace(shape, last_convolution=True)
    networks = Networks(shape, base.networks.encoder.config).to(device)
    networks.load_state_dict(base.networks.state_dict())  # another last convolution has no weights of its own
    if config.rank is not None:
        networks = widened(networks, config.rank)
    carried: dict[str, dict[str, Tensor]] = {}
    if critic is not None:
        critic = base.critic or Critic(CriticConfig(embedding=networks.encoder.config.embedding)).to(device)
        critic.train().requires_grad_(True)
        if base.critic is not None:
            carried["critic"] = critic.state_dict()
    return networks, critic, carried


def learning_rate(progress: float) -> float:
    """Warm-up over the first hundredth, then a cosine to a twentieth; ``progress`` in 0..1."""
    warmup = min(1.0, progress / 0.01 + 0.05)
    return warmup * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))))
