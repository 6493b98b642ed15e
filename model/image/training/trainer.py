"""Runs one training by the clock, with a state, a log and a checkpoint every minute."""

from __future__ import annotations

import csv
import json
import random
import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.device import keep_freed_memory, prefers_bf16, resolve_device
from model.image.adaptation.inner_learning_rates import level_rates, stored_rates
from model.image.adaptation.level_renders import RenderLoss
from model.image.checkpoint import phi_shapes, rates_table, save_base
from model.image.losses.critic import Critic
from model.image.losses.level_loss import CRITIC_LEVELS
from model.image.losses.objective import Objective
from model.image.losses.perceptual_network import PerceptualNetwork
from model.image.losses.statistics import concatenate
from model.image.network.networks import Networks
from model.image.pyramid import SIDES
from model.image.training.initialization import begin, calibrate
from model.image.training.learner import EncoderStart, LevelsLearner
from model.image.training.level_tasks import LevelTasks
from model.image.training.style_tasks import PhotoSource, TaskConfig, TaskPool
from model.maml import Adam, GradientLearner, Granularity, LearningRates, Order, OuterConfig, OuterLoop
from model.maml.schedules import StepWeights, constant_order

LONGEST_STEP = 60.0  # seconds: a pause (a stopped process) does not use up a training's time
BETAS = (0.9, 0.95)  # of the inner Adam


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that a training depends on beside its data."""

    styles: Sequence[Path]  # folders with a folder of works for each style
    contents: Sequence[Path]  # folders of photos
    out: Path
    start: Path | None = None  # checkpoint to begin from; None: new networks
    minutes: float = 60.0
    zero_step_share: float = 0.7  # of the time, in which the zero-step style alone is trained
    inner_steps: int = 3  # of the tasks in the rest of the time
    zero_step_weight: float = 0.4  # of the query loss there, the rest being that after the last inner step
    lr: float = 3e-4
    rates_lr: float = 0.01  # of the logarithms of the inner rates
    inner_lr: float = 0.02  # where the inner rates begin, unless the checkpoint has its own
    critic: float = 0.0  # weight of a GAN critic's term on the fine levels, such as 0.05; 0: no critic
    average: float = 0.998  # decay of the averaged weights, a step
    tasks: TaskConfig = field(default_factory=TaskConfig)
    device: str = "auto"
    seed: int = 0
    save_seconds: float = 60.0


class Run:
    """Networks, rates and averages of one training, and its files in ``config.out``."""

    def __init__(self, config: TrainingConfig) -> None:
        keep_freed_memory()
        self.config = config
        self.device = resolve_device(config.device)
        torch.manual_seed(config.seed)
        self.objective = Objective(PerceptualNetwork().to(self.device), amp=prefers_bf16(self.device))
        networks, rates, found = begin(config.start)
        self.networks = networks.to(self.device)
        shapes = phi_shapes(self.networks)
        self.rates = [
            LearningRates(
                shapes,
                config.inner_lr,
                granularity=Granularity.TENSOR_STEP,
                steps=config.inner_steps,
                learned=True,
            ).to(self.device)
            for _ in SIDES
        ]
        if rates:
            for learned, stored in zip(self.rates, level_rates(shapes, rates), strict=True):
                table = rates_table(stored, list(shapes), config.inner_steps)  # its steps may be others
                learned.load_state_dict(stored_rates(shapes, table).state_dict())
        self.critics = (
            {level: found.get(level, Critic()).to(self.device).train() for level in CRITIC_LEVELS}
            if config.critic > 0
            else {}
        )
        self._critics_new = bool(self.critics) and not found
        learners = [
            GradientLearner(
                EncoderStart(self.networks, level, shapes),
                Adam(self.rates[level], betas=BETAS),
                RenderLoss(self.networks, self.objective, level),
                steps=config.inner_steps,
                order=constant_order(Order.FIRST),
                weights=self._weights,
                shared=self.critics.get(level),
            )
            for level in range(len(SIDES))
        ]
        self.loop = OuterLoop(
            LevelsLearner(learners),
            OuterConfig(
                steps=1, lr=config.lr, final_lr=config.lr / 20, rates_lr=config.rates_lr, betas=(0.9, 0.99)
            ),
        )
        self.average = {name: value.detach().clone() for name, value in self.networks.state_dict().items()}
        self.seconds = 0.0
        config.out.mkdir(parents=True, exist_ok=True)
        self.state_path = config.out / "state.safetensors"
        if self.state_path.exists():
            self._load()

    def _weights(self, progress: float) -> StepWeights:
        c = self.config
        if progress < c.zero_step_share or c.zero_step_weight >= 1:
            return {0: 1.0}
        return {0: c.zero_step_weight, c.inner_steps: 1 - c.zero_step_weight}

    def train(self, *, deadline: float | None = None) -> bool:
        """Train until ``config.minutes`` are used up (True) or ``deadline`` is near (False).

        ``deadline``: a time of ``time.monotonic()``.
        """
        c = self.config
        rng = random.Random(c.seed + self.loop.steps_done)
        torch.manual_seed(c.seed + self.loop.steps_done)
        pool = TaskPool(c.styles, self.objective, c.tasks, rng, maps=bool(self.critics))
        if self.loop.steps_done == 0 and not (c.start is not None and self._calibrated()):
            pool.fill(c.tasks.pool)
            calibrate(
                self.networks, [[t.descriptions(level) for t in pool.tasks] for level in range(len(SIDES))]
            )
            self.average = {
                name: value.detach().clone() for name, value in self.networks.state_dict().items()
            }
        pool.fill(12)
        if self._critics_new:
            for level, critic in self.critics.items():
                critic.calibrate(concatenate([task.support[level].statistics for task in pool.tasks]))
        photos = PhotoSource(c.contents, rng)
        tasks = LevelTasks(self.networks, self.objective, pool, photos, rng, self.critics, c.critic)
        limit, saved, longest = 60 * c.minutes, time.monotonic(), 0.0
        recent: dict[str, list[float]] = {}
        while self.seconds < limit:
            if deadline is not None and time.monotonic() + 3 * longest + 5 > deadline:
                break
            began = time.monotonic()
            task = tasks.draw()
            step = self.loop.step([task], progress=min(1.0, self.seconds / limit))
            self._update_average()
            for taken, loss in step.tasks[0].query.items():
                recent.setdefault(f"{SIDES[task.level]}px after {taken}", []).append(float(loss.mean()))
            took = time.monotonic() - began
            longest = max(longest, min(took, LONGEST_STEP))
            self.seconds += min(took, LONGEST_STEP)
            if time.monotonic() - saved > c.save_seconds:
                saved = time.monotonic()
                self._save()
                self._log(recent)
                recent = {}
        self._save()
        self._log(recent)
        return self.seconds >= limit

    def _calibrated(self) -> bool:
        """Whether levels have their own normalisations: one that drew in a single pass gave all the same."""
        center = self.networks.encoder.center
        return bool((center[0] != center[-1]).any())

    @torch.no_grad()
    def _update_average(self) -> None:
        done = self.loop.steps_done
        decay = min(self.config.average, (1 + done) / (10 + done))
        current = self.networks.state_dict()
        torch._foreach_lerp_(list(self.average.values()), [current[k] for k in self.average], 1 - decay)

    def averaged(self) -> Networks:
        """The networks with their averaged weights."""
        networks = deepcopy(self.networks)
        networks.load_state_dict(self.average)
        return networks.eval()

    def export(self, card: Mapping[str, Any], *, name: str = "base.safetensors") -> Path:
        """Write the averaged networks and the inner rates as a checkpoint."""
        names = list(phi_shapes(self.networks))
        rates = {
            f"{level}/{key}": value
            for level, learned in enumerate(self.rates)
            for key, value in rates_table(learned, names, self.config.inner_steps).items()
        }
        path = self.config.out / name
        save_base(path, self.averaged(), rates, dict(card), critics=self.critics)
        return path

    def _save(self) -> None:
        tensors = {f"networks/{k}": v for k, v in self.networks.state_dict().items()}
        tensors |= {f"average/{k}": v for k, v in self.average.items()}
        for level, learned in enumerate(self.rates):
            tensors |= {f"rates/{level}/{k}": v for k, v in learned.state_dict().items()}
        for level, critic in self.critics.items():
            tensors |= {f"critics/{level}/{k}": v for k, v in critic.state_dict().items()}
        outer = self.loop.state_dict()
        for index, entry in outer["optimizer"]["state"].items():
            tensors |= {f"optimizer/{index}/{k}": torch.as_tensor(v) for k, v in entry.items()}
        progress = {"seconds": self.seconds, "steps": self.loop.steps_done}
        temporary = self.state_path.with_suffix(".tmp")
        save_file(
            {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()},
            temporary,
            metadata={"progress": json.dumps(progress)},
        )
        temporary.replace(self.state_path)

    def _load(self) -> None:
        tensors = load_file(self.state_path)
        with safe_open(self.state_path, framework="pt") as file:
            progress = json.loads(file.metadata()["progress"])

        def part(prefix: str) -> dict[str, Tensor]:
            return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

        self.networks.load_state_dict(part("networks/"))
        for name, value in part("average/").items():
            self.average[name].copy_(value)
        for level, learned in enumerate(self.rates):
            learned.load_state_dict(part(f"rates/{level}/"))
        for level, critic in self.critics.items():
            if own := part(f"critics/{level}/"):
                critic.load_state_dict(own)
                self._critics_new = False
        outer = self.loop.state_dict()
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in part("optimizer/").items():
            index, key = name.split("/", 1)
            state.setdefault(int(index), {})[key] = value
        outer["optimizer"]["state"] = state
        self.loop.load_state_dict(outer | {"steps_done": progress["steps"]})
        self.seconds = progress["seconds"]

    def _log(self, recent: Mapping[str, list[float]]) -> None:
        path = self.config.out / "log.csv"
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            for name, losses in sorted(recent.items()):
                mean = sum(losses) / len(losses)
                writer.writerow(
                    [self.loop.steps_done, round(self.seconds), name, len(losses), round(mean, 4)]
                )
