"""Sinusoid regression of Finn et al. 2017 (section 5.1): K-shot, before and after a few gradient steps.

A task is one sinusoid: amplitude uniform in [0.1, 5], phase in [0, pi], inputs uniform in [-5, 5]. Every row
starts from the same MLP (1-40-40-1, ReLU). The rows without meta-learning fine-tune with plain SGD at the
rate that is best for them on validation tasks, chosen anew for each number of steps.

    python -m benchmarks.sinusoid --out sinusoid.json
"""

import argparse
import copy
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.machine import library_versions, machine_info
from model.maml import (
    SGD,
    AlgorithmName,
    Granularity,
    InnerConfig,
    LearningRates,
    MetaLearner,
    ModuleStart,
    OuterConfig,
    OuterLoop,
    Task,
    UpdateRule,
    batch_at,
    inner_loop,
    make_algorithm,
)
from model.maml.examples.sinusoid import Points, Sinusoids, network, squared_error

STEPS = (0, 1, 5, 10)
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 2e-2, 3e-2, 5e-2, 1e-1)


@dataclass(frozen=True)
class Recipe:
    """How one algorithm is meta-trained here."""

    name: AlgorithmName
    iterations: int
    inner: InnerConfig
    lr: float = 1e-2
    tasks: int = 25  # sinusoids in an outer step
    adapt: tuple[str, ...] | None = None
    clip_norm: float | None = 10.0


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("maml", 4000, InnerConfig(steps=1, lr=0.01)),
        Recipe("fomaml", 4000, InnerConfig(steps=1, lr=0.01)),
        Recipe("reptile", 2000, InnerConfig(steps=5, lr=0.01)),
        Recipe("anil", 2000, InnerConfig(steps=5, lr=0.01), adapt=("4.*",)),
        Recipe("meta-sgd", 4000, InnerConfig(steps=1, lr=0.01)),
        Recipe("maml++", 2000, InnerConfig(steps=5, lr=0.01)),
    )
}


def pretrain(seed: int, iterations: int, *, tasks: int = 50, shots: int = 5) -> nn.Sequential:
    """Joint training on all sinusoids: the network learns their mean."""
    net, data = network(seed), Sinusoids(seed + 1, shots=shots)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, iterations)
    for _ in range(iterations):
        task = data.draw(tasks)
        x, y = batch_at(pooled(task).support, 0)
        torch.autograd.backward((net(x) - y).square().mean())
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    return net


def meta_train(recipe: Recipe, seed: int, *, shots: int = 5) -> MetaLearner:
    """Meta-train from scratch."""
    net, data = network(seed), Sinusoids(seed + 1, shots=shots)
    learner = make_algorithm(recipe.name, ModuleStart(net, recipe.adapt), squared_error(net), recipe.inner)
    outer = OuterLoop(learner, OuterConfig(steps=recipe.iterations, lr=recipe.lr, clip_norm=recipe.clip_norm))
    for _ in range(recipe.iterations):
        task = data.draw(recipe.tasks)
        outer.step([pooled(task) if recipe.name == "reptile" else task])
    return learner


def pooled(task: Task[Points, Points]) -> Task[Points, Points]:
    """All points of a task as its support: Reptile has no query loss to spend them on."""
    (x, y), (xq, yq) = batch_at(task.support, 0), batch_at(task.query, 0)
    points = torch.cat([x, xq], 1), torch.cat([y, yq], 1)
    return Task(points, points, task.size)


def curve(
    net: nn.Module,
    rule: UpdateRule,
    task: Task[Points, Points],
    steps: int,
    adapt: Sequence[str] | None = None,
) -> Tensor:
    """Query error of each task after 0 .. ``steps`` updates: (steps + 1, B)."""
    loss = squared_error(net)
    start = ModuleStart(net, adapt)
    with torch.no_grad():
        params = start(task)
    result = inner_loop(
        loss, params, task.support, rule, steps, validate=lambda phi, _: loss(phi, task.query)
    )
    return torch.stack(result.scores)


def sgd(net: nn.Module, lr: float) -> SGD:
    """Plain SGD at one rate."""
    shapes = {name: p.shape for name, p in net.named_parameters()}
    return SGD(LearningRates(shapes, lr, granularity=Granularity.GLOBAL))


def best_rates(
    net: nn.Module, task: Task[Points, Points], at: Sequence[int] = STEPS, rates: Sequence[float] = RATES
) -> dict[int, float]:
    """For each number of steps the SGD rate with the lowest mean query error on ``task``."""
    curves = {lr: curve(net, sgd(net, lr), task, max(at)).mean(1).nan_to_num(torch.inf) for lr in rates}
    return {k: min(rates, key=lambda lr: float(curves[lr][k])) for k in at}


def summary(errors: Tensor) -> dict[str, float]:
    """Mean over the tasks and the half-width of its 95 % interval. ``errors``: (B,)."""
    return {"mse": float(errors.mean()), "ci95": float(1.96 * errors.std() / math.sqrt(len(errors)))}


def fine_tuned_row(
    net: nn.Module, validation: Task[Points, Points], test: Task[Points, Points]
) -> dict[str, Any]:
    """A network without meta-learning, with its own best rate for each number of steps."""
    rates = best_rates(net, validation)
    return {
        "rates": {str(k): lr for k, lr in rates.items()},
        "steps": {str(k): summary(curve(net, sgd(net, lr), test, k)[k]) for k, lr in rates.items()},
    }


def learner_row(learner: MetaLearner, recipe: Recipe, test: Task[Points, Points]) -> dict[str, Any]:
    """A meta-learned start with its own inner rule."""
    assert isinstance(learner.start, ModuleStart)
    errors = curve(learner.start.module, learner.rule, test, max(STEPS), recipe.adapt)
    return {"steps": {str(k): summary(errors[k]) for k in STEPS}}


def run(seed: int, *, shots: int, scale: float, only: Sequence[str] | None) -> dict[str, Any]:
    """Every row of the table."""
    validation = Sinusoids(seed + 1000, shots=shots, query=100).draw(500)
    test = Sinusoids(seed + 2000, shots=shots, query=100).draw(1000)
    rows: dict[str, Any] = {"random start": fine_tuned_row(network(seed), validation, test)}
    began = time.process_time()
    net = pretrain(seed, round(8000 * scale), shots=shots)
    rows["joint pre-training"] = {
        "train_cpu_seconds": round(time.process_time() - began, 1),
        **fine_tuned_row(copy.deepcopy(net), validation, test),
    }
    for name, recipe in RECIPES.items():
        if only and name not in only:
            continue
        scaled = Recipe(**{**recipe.__dict__, "iterations": round(recipe.iterations * scale)})
        began = time.process_time()
        learner = meta_train(scaled, seed, shots=shots)
        rows[name] = {
            "train_cpu_seconds": round(time.process_time() - began, 1),
            "recipe": asdict(scaled),
            **learner_row(learner, scaled, test),
        }
        print_row(name, rows[name])
    return rows


def print_row(name: str, row: dict[str, Any]) -> None:
    """One line of the table."""
    cells = [f"{row['steps'][str(k)]['mse']:6.3f} ±{row['steps'][str(k)]['ci95']:.2f}" for k in STEPS]
    print(f"{name:20s} {row.get('train_cpu_seconds', 0):7.1f} s  " + "  ".join(cells), flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shots", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="factor on all numbers of iterations")
    parser.add_argument("--only", nargs="*", help="algorithms to run (default: all)")
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    args = parser.parse_args()
    torch.set_num_threads(1)  # tensors this small only lose by more
    print(f"{'':20s} {'CPU time':>9s}  " + "  ".join(f"{f'step {k}':>12s}" for k in STEPS))
    rows = run(args.seed, shots=args.shots, scale=args.scale, only=args.only)
    for name in ("random start", "joint pre-training"):
        print_row(name, rows[name])
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        report = {
            "seed": args.seed,
            "shots": args.shots,
            "machine": machine_info(),
            "libraries": library_versions(),
            "rows": rows,
        }
        args.out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
