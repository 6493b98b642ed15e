"""Training: jointly over all styles first, then learning to learn from a few works of one.

In the joint part every training style has a phi of its own (the start and a difference), so that the
network learns what phi is for; the differences are thrown away. In the second part the start, the shared
weights and the inner rates are trained by first-order MAML: phi takes a few steps on some works of a
style, and is judged on others.
"""

from __future__ import annotations

import csv
import json
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from model.device import prefers_bf16
from model.errors import CheckpointFormatError
from model.formats import METADATA_KEY, checkpoint_hash
from model.maml import (
    Adam,
    GradientLearner,
    Granularity,
    LearningRates,
    LossFn,
    ModuleStart,
    Order,
    OuterConfig,
    OuterLoop,
    Task,
)
from model.maml.schedules import constant_order, constant_weights
from model.sequence.network import NetworkConfig, PhiStart, expand_phi
from model.sequence.objective import BETAS, Batch

LONGEST_STEP = 60.0  # seconds: a pause does not use up a training's time


@dataclass(frozen=True)
class SequenceTrainingConfig:
    """What every training depends on beside its works."""

    out: Path
    begin_from: Path | None = None  # a checkpoint whose network, start and inner rates a new training takes
    minutes: float = 60.0  # of processor time
    joint_share: float = 0.5
    batch: int = 12  # sequences of a joint step
    lr: float = 2e-3
    warm_up: int = 100  # joint steps over which the rate rises to that
    own_share: float = 0.7  # sequences that use their style's own phi in the joint part; 0: no own ones
    meta_lr: float = 3e-4
    rates_lr: float = 0.02
    rate_scale: float = 1.0  # of the learned rates in the checkpoint, by what is best on validation styles
    inner_lr: float = 0.01
    inner_steps: int = 4
    tasks: int = 2  # of an outer step
    start_weight: float = 0.3  # of the query loss before the first inner step
    amp: bool = field(default_factory=lambda: prefers_bf16(torch.device("cpu")))  # bfloat16 products
    seed: int = 0
    save_seconds: float = 60.0  # of processor time
    network: NetworkConfig = field(default_factory=lambda: NetworkConfig(128, 3, 4, 384, 4, 0.1))


class SequenceTraining(ABC):
    """One training and its files in ``config.out``: state, log, checkpoint; a later call goes on.

    Args:
        config: see there.
        network: untrained, drawn after ``torch.manual_seed(config.seed)``; or frozen, without parameters.
        start: of phi.
        names: of the training styles.
        checkpoint: the checkpoint's file name.

    Raises ``CheckpointFormatError`` where ``config.begin_from`` does not fit.
    """

    def __init__(
        self,
        config: SequenceTrainingConfig,
        network: nn.Module,
        start: PhiStart,
        names: Sequence[str],
        checkpoint: str,
    ) -> None:
        self.config = config
        self.names = list(names)
        self.network = network
        self.start = start
        shapes = {name: value.shape for name, value in self.start.tensors().items()}
        own = shapes if config.own_share else {}
        self.own = nn.ParameterDict(
            {name: torch.zeros(len(self.names), *shape) for name, shape in own.items()}
        )
        self.rates = LearningRates(
            shapes,
            self.initial_rates(shapes),
            granularity=Granularity.TENSOR_STEP,
            steps=config.inner_steps,
            learned=True,
        )
        self.loss = self.make_loss()
        joint = [*self.network.parameters(), *self.start.parameters()]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": joint, "weight_decay": 0.01},
                {"params": list(self.own.parameters()), "weight_decay": 0.05},
            ],
            lr=config.lr,
            betas=(0.9, 0.98),
        )
        learner = GradientLearner(
            ModuleStart(self.start),
            Adam(self.rates, betas=BETAS),
            self.loss,
            steps=config.inner_steps,
            order=constant_order(Order.FIRST),
            weights=constant_weights({0: config.start_weight, config.inner_steps: 1 - config.start_weight}),
            shared=self.network,
        )
        self.outer = OuterLoop(
            learner,
            OuterConfig(steps=1, lr=config.meta_lr, final_lr=config.meta_lr / 20, rates_lr=config.rates_lr),
        )
        self.seconds = 0.0
        self.joint_steps = 0
        self.begun_from: dict[str, Any] = {}  # hash and training of the checkpoint that this one went on from
        self.losses: dict[str, list[float]] = {}
        config.out.mkdir(parents=True, exist_ok=True)
        self.state_path = config.out / "state.safetensors"
        self.checkpoint_path = config.out / checkpoint
        self.joint_path = config.out / "joint.safetensors"
        if self.state_path.exists():
            self._load()
        elif config.begin_from is not None:
            self._begin_from(config.begin_from)

    @abstractmethod
    def make_loss(self) -> LossFn:
        """What is trained by: nats a token."""

    def initial_rates(self, names: Iterable[str]) -> dict[str, float]:
        """The inner rate of each tensor of phi before it is learned."""
        return dict.fromkeys(names, self.config.inner_lr)

    @abstractmethod
    def joint_batch(self, rng: random.Random) -> tuple[Batch, list[int]]:
        """``config.batch`` sequences, and the number in ``names`` of each one's style."""

    @abstractmethod
    def task(self, rng: random.Random) -> Task[Batch, Batch]:
        """``config.tasks`` styles side by side, support and query from different works."""

    @abstractmethod
    def write(self, path: Path, rates: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
        """The checkpoint as it stands: ``network``, ``start``, inner ``rates`` (steps,), and its card."""

    @property
    def meta(self) -> bool:
        """The second part has begun."""
        return self.seconds >= self.config.joint_share * self.config.minutes * 60

    def train(self) -> None:
        """Train until the configured processor time is used up, all calls together."""
        c = self.config
        rng = random.Random(c.seed + self.joint_steps + 7919 * self.outer.steps_done)
        torch.manual_seed(rng.randrange(2**31))
        self.network.train()
        saved = self.seconds
        while self.seconds < c.minutes * 60:
            begun = time.process_time()
            if self.meta:
                if not self.joint_path.exists():  # what fine-tuning without meta-learning would begin from
                    self.checkpoint(self.joint_path)
                share = self.seconds / (c.minutes * 60)
                progress = min(1.0, (share - c.joint_share) / (1 - c.joint_share))
                outcome = self.outer.step([self.task(rng)], progress=progress).tasks[0]
                for step, value in outcome.query.items():
                    self._note(f"query {step}", float(value.mean()))
            else:
                self._note("joint", self._joint_step(rng))
            self.seconds += min(LONGEST_STEP, time.process_time() - begun)
            if self.seconds - saved > c.save_seconds:
                self.save()
                saved = self.seconds
        self.save()

    def _joint_step(self, rng: random.Random) -> float:
        c = self.config
        progress = min(1.0, self.seconds / (c.joint_share * c.minutes * 60))
        warm = min(1.0, (self.joint_steps + 1) / c.warm_up)
        for group in self.optimizer.param_groups:
            group["lr"] = c.lr * warm * (1 - 0.9 * progress)
        batch, rows = self.joint_batch(rng)
        loss = self.loss(self._joint_phi(rows, rng), batch).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_([p for group in self.optimizer.param_groups for p in group["params"]], 1.0)
        self.optimizer.step()
        self.joint_steps += 1
        return float(loss.detach())

    def _joint_phi(self, rows: Sequence[int], rng: random.Random) -> dict[str, Tensor]:
        """Of each sequence: the start, for most of them with what is their style's own."""
        start = self.start.tensors()
        if not self.own:
            return expand_phi(start, len(rows))
        used = torch.tensor([float(rng.random() < self.config.own_share) for _ in rows])
        own = torch.tensor(rows)
        return {
            name: value + self.own[name][own] * used.view(-1, *[1] * value.ndim)
            for name, value in start.items()
        }

    def _note(self, name: str, value: float) -> None:
        self.losses.setdefault(name, []).append(value)

    def save(self) -> None:
        """State, log rows and checkpoint."""
        tensors: dict[str, Tensor] = {}
        for part, module in self._modules():
            tensors |= {f"{part}/{k}": v for k, v in module.state_dict().items()}
        for part, optimizer in (("joint", self.optimizer.state_dict()), ("outer", self._outer_state())):
            for i, entry in optimizer["state"].items():
                tensors |= {f"{part}-adam/{i}/{k}": torch.as_tensor(v) for k, v in entry.items()}
        progress = {
            "seconds": self.seconds, "joint_steps": self.joint_steps, "outer_steps": self.outer.steps_done,
            "styles": self.names, "begun_from": self.begun_from,
        }  # fmt: skip
        temporary = self.state_path.with_suffix(".tmp")
        save_file(
            {k: v.detach().contiguous().clone() for k, v in tensors.items()},
            temporary,
            metadata={"progress": json.dumps(progress)},
        )
        temporary.replace(self.state_path)
        with (self.config.out / "log.csv").open("a", newline="") as file:
            writer = csv.writer(file)
            for name, values in sorted(self.losses.items()):
                mean = sum(values) / len(values)
                writer.writerow(
                    [
                        self.joint_steps,
                        self.outer.steps_done,
                        round(self.seconds),
                        name,
                        len(values),
                        f"{mean:.4f}",
                    ]
                )
        self.losses.clear()
        self.checkpoint()

    def checkpoint(self, path: Path | None = None) -> None:
        """The checkpoint as it stands."""
        with torch.no_grad():
            rates = {
                name: self.config.rate_scale
                * torch.stack([self.rates(name, step) for step in range(self.config.inner_steps)])
                for name in self.start.names
            }
        config = {k: v for k, v in asdict(self.config).items() if k not in ("out", "begin_from", "network")}
        card: dict[str, Any] = {
            "styles": len(self.names),
            "joint_steps": self.joint_steps,
            "outer_steps": self.outer.steps_done,
            "processor_minutes": round(self.seconds / 60, 1),
            "training": config,
        }
        if self.begun_from:
            card["begun_from"] = self.begun_from
        self.write(path or self.checkpoint_path, rates, card)

    def _begin_from(self, checkpoint: Path) -> None:
        """Take over network, start and rates of a checkpoint, and note what it had been trained for."""
        try:
            with safe_open(checkpoint, framework="pt") as file:
                card = json.loads((file.metadata() or {})[METADATA_KEY])["card"]
            tensors = {name: value.float() for name, value in load_file(checkpoint).items()}
            self.network.load_state_dict(_part(tensors, "network/"))
            self.start.load_state_dict(_part(tensors, "phi/"))
            for name, rates in _part(tensors, "rates/").items():
                self.rates.set(name, rates / self.config.rate_scale)
        except (SafetensorError, OSError, KeyError, ValueError, RuntimeError) as error:
            raise CheckpointFormatError(f"{checkpoint} does not fit this training: {error}") from error
        kept = ("joint_steps", "outer_steps", "processor_minutes", "begun_from")
        self.begun_from = {"hash": checkpoint_hash(checkpoint)} | {k: card[k] for k in kept if k in card}

    def _modules(self) -> list[tuple[str, nn.Module]]:
        return [("network", self.network), ("start", self.start), ("own", self.own), ("rates", self.rates)]

    def _outer_state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.outer.state_dict()["optimizer"]
        return state

    def _load(self) -> None:
        tensors = load_file(self.state_path)
        with safe_open(self.state_path, framework="pt") as file:
            progress = json.loads(file.metadata()["progress"])
        if progress.get("styles", progress.get("composers")) != self.names:
            raise ValueError(f"{self.state_path} was trained on other styles: choose another folder")
        for part, module in self._modules():
            module.load_state_dict(_part(tensors, f"{part}/"))
        joint = self.optimizer.state_dict()
        self.optimizer.load_state_dict(joint | {"state": _adam(tensors, "joint-adam/")})
        outer = self.outer.state_dict()
        outer["optimizer"]["state"] = _adam(tensors, "outer-adam/")
        self.outer.load_state_dict(outer | {"steps_done": progress["outer_steps"]})
        self.seconds, self.joint_steps = progress["seconds"], progress["joint_steps"]
        self.begun_from = progress.get("begun_from", {})


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _adam(tensors: Mapping[str, Tensor], prefix: str) -> dict[int, dict[str, Tensor]]:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _part(tensors, prefix).items():
        index, key = name.split("/", 1)
        state.setdefault(int(index), {})[key] = value
    return state
