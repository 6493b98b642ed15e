"""Going on from a checkpoint, on a processor: ``python -m model.training.refine``.

Phase 1 (the zero-step style) by the loss of the inner loop that is served. Half of a step's renders have a
single work as their style; the other half have what an adaptation has, several works of one artist, and are
compared with these and some more of the artist's works. The inner rates stay those of the checkpoint.

A run saves its state every minute; the same command goes on from there. Runs with other seeds, one a core,
can be averaged by ``scripts/average_checkpoints.py``.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from model.adaptation import AdaptConfig
from model.checkpoint import load_base
from model.errors import ModelError
from model.formats import default_checkpoint
from model.networks import Networks, Objective
from model.training.augment import SMOOTH_SHARE, noisy
from model.training.config import TrainingConfig
from model.training.entry import describe_run
from model.training.phases import Job, Phase
from model.training.plan import keep_plan
from model.training.pools import Choice, PhotoPool, unflatten
from model.training.pretrain import Pretraining
from model.training.run import Run
from model.training.style_tasks import TaskPool
from model.training.task_source import TaskSource

CONTENT = 24.0  # a little more than in adaptations: a start that keeps the photo leaves room for style
PATCHES = 40.0  # no pattern that the examples lack, where a photo is smooth
USUAL_TOTAL = 2.5  # the loss is divided by it: gradients are clipped by a norm that suits lighter weights
AVERAGE = 0.998  # of the weights, a step: over some 20 minutes of a core


class SeveralWorks:
    """Samples of phase 1 with several works of one artist as their style."""

    def __init__(
        self, config: TrainingConfig, objective: Objective, rng: random.Random, photos: PhotoPool
    ) -> None:
        self.config, self.objective, self.photos = config, objective, photos
        self.source = TaskSource(config, objective, rng)
        self.tasks = TaskPool(config, rng)
        self.steps = 0
        self.chosen_tasks = Choice(config.meta_batch, objective.device)
        self.chosen_photos = Choice(config.meta_batch, objective.device)

    def prepare(self) -> None:
        """Refresh the pool and choose; the photos are refreshed by whose they are."""
        c = self.config
        if self.steps % c.refresh_every == 0:
            for _ in range(c.fresh_tasks):
                self.tasks.add(self.source.draw())
            while len(self.tasks.ring) < c.tasks_in_pool:
                self.tasks.add(self.source.draw())
        self.steps += 1
        self.chosen_tasks.write(self.tasks.ring.choose(c.meta_batch))
        self.chosen_photos.write(self.photos.ring.choose(c.meta_batch))

    def loss(self, networks: Networks) -> dict[str, Tensor]:
        """Render the chosen photos in the chosen styles, and return the terms; ``total`` of them all."""
        found = self.tasks.ring.take(self.chosen_tasks.index)
        photos = self.photos.at(self.chosen_photos.index)
        with self.objective.autocast():
            phi = networks.encoder.decode(networks.encoder.average(found["descriptions"], found["present"]))
            renders = networks(noisy(photos.images, self.config.noise), phi)
        terms = self.objective.terms(renders, unflatten(found, "target."), photos.content)
        return {
            "moments": terms.moments.mean(),
            "mobile": terms.mobile.mean(),
            "gram": terms.gram.mean(),
            "color": terms.color.mean(),
            "content": terms.content.mean(),
            "patches": terms.patches.mean(),
            "total": terms.total(self.config.weights).mean(),
        }

    def close(self) -> None:
        """End the threads that crop ahead."""
        self.source.close()


def refine_phase(run: Run, config: TrainingConfig) -> Phase:
    """Samples of both kinds in every step."""

    def make(notes: list[str]) -> Job:
        single = Pretraining(config, run.objective, run.rng)
        single.fill()
        several = SeveralWorks(config, run.objective, run.rng, single.photos)

        def prepare(done: float) -> None:
            single.prepare()
            several.prepare()

        def loss(done: float) -> dict[str, Tensor]:
            one, more = single.loss(run.networks), several.loss(run.networks)
            share = config.batch / (config.batch + config.meta_batch)
            total = (share * one["total"] + (1 - share) * more["total"]) / USUAL_TOTAL
            named = {f"single_{name}": value for name, value in one.items()}
            return named | {f"several_{name}": value for name, value in more.items()} | {"total": total}

        def close() -> None:
            single.close()
            several.close()

        return Job(loss, config.batch + config.meta_batch, prepare=prepare, close=close)

    return Phase("refine", config.pretrain_minutes, config.lr, make, average_decay=AVERAGE)


def configure(
    config: TrainingConfig, *, renders: int = 8, content: float = CONTENT, patches: float = PATCHES
) -> TrainingConfig:
    """The loss of adaptations, and pools for one core; ``renders`` of a step, half of either kind."""
    return replace(
        config,
        weights=replace(AdaptConfig().weights, content=content, patches=patches),
        meta_size=config.size,
        batch=renders - renders // 2,
        meta_batch=renders // 2,
        shots=(2, 6),
        crop_low=0.35,
        smooth_share=SMOOTH_SHARE,
        palette_share=0.35,
        mix_share=0.15,
        uncertain_works=True,
        photos_in_pool=96,
        styles_in_pool=128,
        tasks_in_pool=48,
        fresh_photos=2,
        fresh_styles=1,
        fresh_tasks=1,
        refresh_every=2,
    )


def _plan(config: TrainingConfig, start: str) -> dict[str, Any]:
    """What the state in the folder depends on; the same run on another device is the same run."""
    c = config
    return {
        "start": start,
        "minutes": c.pretrain_minutes,
        "size": c.size,
        "renders": c.batch + c.meta_batch,
        "lr": c.lr,
        "content": c.weights.content,
        "patches": c.weights.patches,
        "noise": c.noise,
        "seed": c.seed,
    }


def refine(config: TrainingConfig, *, licence: str = "") -> Path:
    """Train, from the state in ``config.out`` when there is one; where the checkpoint is.

    Without ``config.start`` it begins from the package's checkpoint. What inner loops move stays what it was.

    Raises:
        ValueError: the folder holds a run that was begun with something else.
        FileNotFoundError: a folder without pictures.
    """
    began = time.time()
    start = load_base(config.start)
    keep_plan(config.out / "plan.json", _plan(config, start.hash))
    config = replace(config, start=config.start or default_checkpoint(), adapt=start.adapt)
    run = Run(config)
    run.train([refine_phase(run, config)], resume=True)
    card = describe_run(run, [], time.time() - began, licence) | {"start": start.hash}
    return run.export(card)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m model.training.refine", description=__doc__)
    parser.add_argument("--styles", type=Path, required=True, help="folder of style folders")
    parser.add_argument("--contents", type=Path, required=True, help="folder of photos")
    parser.add_argument("--out", type=Path, required=True, help="folder for state, log and checkpoint")
    parser.add_argument("--start", type=Path, help="base checkpoint to begin from; default: the package's")
    parser.add_argument("--minutes", type=float, default=80.0, help="of training")
    parser.add_argument("--size", type=int, default=160, help="of the crops, pixels")
    parser.add_argument("--renders", type=int, default=8, help="of a step")
    parser.add_argument("--lr", type=float, default=2e-4, help="peak learning rate")
    parser.add_argument("--content", type=float, default=CONTENT, help="weight of the content term")
    parser.add_argument("--patches", type=float, default=PATCHES, help="weight of the term of single places")
    parser.add_argument("--noise", type=float, default=0.0, help="on photos: largest deviation, such as 0.04")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--licence", default="", help="of the checkpoint")
    options = parser.parse_args(arguments)
    try:
        if options.renders < 2 or options.size < 32 or options.size % 8:
            raise ValueError("--renders takes 2 or more, --size a multiple of 8 from 32 on")
        config = TrainingConfig(
            styles=options.styles,
            contents=options.contents,
            out=options.out,
            start=options.start,
            pretrain_minutes=options.minutes,
            size=options.size,
            noise=options.noise,
            lr=options.lr,
            device=options.device,
            seed=options.seed,
        )
        config = configure(config, renders=options.renders, content=options.content, patches=options.patches)
        path = refine(config, licence=options.licence)
    except (ModelError, ValueError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"trained: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
