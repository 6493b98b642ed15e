"""The whole campaign by one command, in calls that end by themselves: ``python -m model.training.campaign``.

Distillation, pre-training and meta-training at growing sizes, then evaluation. A call saves its state and
ends with status 75 when its minutes are up; the same command goes on from there, until status 0:

    until python -m model.training.campaign --styles S --contents C --out O; do [ $? = 75 ] || break; done

Nothing is imported but torch, safetensors, numpy, Pillow and tqdm.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from model.data.folders import StyleFolder, scan_photos
from model.errors import ModelError
from model.perceptual.losses import LossWeights
from model.phi import NORMALIZATION
from model.runtime import resolve_device
from model.training.augment import SMOOTH_SHARE
from model.training.config import TrainingConfig
from model.training.entry import describe_run, evaluate, write_rows
from model.training.phases import Phase, continued_phase, distill_phase, meta_phase, pretrain_phase
from model.training.plan import keep_plan
from model.training.run import Run

AGAIN = 75  # EX_TEMPFAIL: not finished, call again
STARTUP = 20.0  # seconds kept back in a call for what comes after the last step


@dataclass(frozen=True)
class Stage:
    """A part of the campaign. ``span``: its part of the schedule that stages of one kind share."""

    kind: str  # distill, pretrain, meta
    level: int  # index of the size of its crops
    share: float  # of the campaign's minutes
    span: tuple[float, float]


STAGES = (
    Stage("distill", 0, 0.10, (0.0, 1.0)),
    Stage("pretrain", 0, 0.25, (0.0, 0.5)),
    Stage("pretrain", 1, 0.15, (0.5, 0.8)),
    Stage("pretrain", 2, 0.10, (0.8, 1.0)),
    Stage("meta", 0, 0.13, (0.0, 1 / 3)),
    Stage("meta", 1, 0.13, (1 / 3, 2 / 3)),
    Stage("meta", 2, 0.14, (2 / 3, 1.0)),  # second order
)
SIZES = {"cuda": (160, 192, 256), "cpu": (96, 128, 160)}
LARGEST_TASK = 160  # pixels a side in meta-training, as in adaptations


def configure(config: TrainingConfig) -> TrainingConfig:
    """Batches, pools and threads for the device: a GPU wants many renders at once, a CPU a few."""
    config = replace(
        config, second_order_from=2 / 3, crop_low=0.35, palette_share=0.35, mix_share=0.15, inner_lr=0.03
    )
    if resolve_device(config.device).type != "cuda":
        return config
    return replace(
        config,
        batch=48,
        meta_batch=16,
        second_order_batch=12,
        meta_photos=2,
        meta_steps=8,
        photos_in_pool=512,
        styles_in_pool=640,
        tasks_in_pool=64,
        fresh_photos=4,
        fresh_styles=6,
        fresh_tasks=2,
        refresh_every=4,
        workers=max(1, min(14, (os.cpu_count() or 2) - 2)),
    )


def phases_of(run: Run, sizes: Sequence[int], minutes: float) -> list[Phase]:
    """The training stages as phases; without a teacher pre-training takes distillation's share."""
    phases = []
    taught = run.config.teacher is not None
    idle = 0.0 if taught else sum(stage.share for stage in STAGES if stage.kind == "distill")
    for index, stage in enumerate(STAGES):
        share = stage.share + (idle if stage.kind == "pretrain" and stage.level == 0 else 0.0)
        size, time_ = sizes[stage.level], minutes * share
        second = stage.kind == "meta" and stage.span[0] >= run.config.second_order_from
        batch = run.config.second_order_batch if second else None
        config = replace(
            run.config,
            meta_batch=batch or run.config.meta_batch,
            size=size,
            meta_size=min(size, LARGEST_TASK),
            distill_minutes=time_,
            pretrain_minutes=time_,
            meta_minutes=time_,
        )
        make = {"distill": distill_phase, "pretrain": pretrain_phase, "meta": meta_phase}[stage.kind]
        phases.append(make(run, config, name=f"{index}-{stage.kind}-{size}", span=stage.span))
    if run.config.continued_minutes > 0:
        config = replace(run.config, size=sizes[0], meta_size=sizes[0])
        phases.append(continued_phase(run, config, name=f"{len(phases)}-continued-{sizes[0]}"))
    return phases


def campaign(
    config: TrainingConfig,
    *,
    sizes: Sequence[int],
    minutes: float,
    deadline: float | None = None,
    licence: str = "",
    validated: bool = True,
    report: Callable[[str], None] = print,
) -> bool:
    """One call. True when the campaign is finished: ``base.safetensors`` is there, and ``validation.csv``.

    Args:
        sizes: of the crops, in pixels, one for each level.
        minutes: of training, over all calls.
        deadline: of ``time.monotonic()``; None: one call does it all.
        validated: measure it on the validation split at the end; False: no ``validation.csv``.

    Raises:
        ValueError: the folder holds a campaign with another plan.
        FileNotFoundError: a folder without pictures.
    """
    StyleFolder.scan(config.styles, split="train").at_least(2)
    scan_photos(config.contents, split="train")
    keep_plan(config.out / "campaign.json", _plan(config, sizes, minutes))
    if (config.out / "validation.csv").exists():
        report(f"finished: {config.out / 'base.safetensors'}")
        return True
    began = time.time()
    run = Run(config)
    phases = phases_of(run, sizes, minutes)
    if not run.train(phases, resume=True, deadline=deadline):
        run.export(describe_run(run, [], time.time() - began, licence), name="so-far.safetensors")
        report(f"step {run.progress.step}, stage {run.progress.phase + 1} of {len(phases)}: call again")
        return False
    path = run.export(describe_run(run, [], time.time() - began, licence))
    if not validated:
        report(f"trained: {path}")
        return True
    rows = evaluate(config, path, kept=config.out / "validation.json", deadline=deadline)
    if rows is None:
        report("trained; evaluation goes on in the next call")
        return False
    write_rows(config.out / "validation.csv", rows)
    run.export(describe_run(run, rows, time.time() - began, licence))
    for row in rows:
        report(
            f"{row.step:3d} steps: style {row.style:.3f} (unseen works {row.unseen:.3f}), "
            f"content {row.content:.3f}, {row.styles} held-out styles"
        )
    report(f"finished: {path}")
    return True


def _plan(config: TrainingConfig, sizes: Sequence[int], minutes: float) -> dict[str, Any]:
    """What makes the stages what they are."""
    plan: dict[str, Any] = {
        "sizes": list(sizes),
        "minutes": minutes,
        "critic": config.critic,
        "seed": config.seed,
    }
    if config.continued_minutes > 0:
        plan["long loops"] = config.continued_minutes
    if config.weights.patches > 0:
        plan["patches"] = config.weights.patches
    if config.noise > 0:
        plan["noise"] = config.noise
    return plan


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    began = time.monotonic()
    parser = argparse.ArgumentParser(prog="python -m model.training.campaign", description=__doc__)
    parser.add_argument("--styles", type=Path, required=True, help="folder of style folders")
    parser.add_argument("--contents", type=Path, required=True, help="folder of photos")
    parser.add_argument("--out", type=Path, required=True, help="folder for state, logs and checkpoint")
    parser.add_argument("--teacher", type=Path, help="targets of scripts/teacher_targets.py")
    parser.add_argument("--start", type=Path, help="base checkpoint to begin from")
    parser.add_argument("--minutes", type=float, default=120.0, help="of training, over all calls")
    parser.add_argument("--long-loops", type=float, default=0.0, help="minutes more for long inner loops")
    parser.add_argument("--call-minutes", type=float, default=9.0, help="of this call; 0: no limit")
    parser.add_argument("--batch", type=int, help="renders of a step of pre-training; default by device")
    parser.add_argument("--styles-together", type=int, help="of an outer step; default by device")
    parser.add_argument("--eager", action="store_true", help="do not record steps as CUDA graphs")
    parser.add_argument("--rank", type=int, help="of the low-rank branches; with --start: it may grow")
    parser.add_argument("--train-only", action="store_true", help="leave the validation to another machine")
    parser.add_argument("--sizes", help="of the crops, such as 128,192,256; default by device")
    parser.add_argument(
        "--adapt",
        choices=("normalization", "all"),
        default="normalization",
        help="what of phi inner loops move, in training and in service",
    )
    parser.add_argument(
        "--patches",
        type=float,
        default=0.0,
        help="weight of the term of single places; with it a part of the photos are smooth ones",
    )
    parser.add_argument(
        "--noise", type=float, default=0.0, help="on photos of pre-training: largest deviation, such as 0.04"
    )
    parser.add_argument("--critic", type=float, default=0.0, help="weight of the critic's term")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--licence", default="", help="of the checkpoint")
    options = parser.parse_args(arguments)
    deadline = began + 60 * options.call_minutes - STARTUP if options.call_minutes > 0 else None
    try:
        config = TrainingConfig(
            styles=options.styles,
            contents=options.contents,
            out=options.out,
            teacher=options.teacher,
            start=options.start,
            device=options.device,
            seed=options.seed,
            critic=options.critic,
            continued_minutes=options.long_loops,
            rank=options.rank,
            adapt=NORMALIZATION if options.adapt == "normalization" else ("*",),
            weights=LossWeights(patches=options.patches),
            smooth_share=SMOOTH_SHARE if options.patches > 0 else 0.0,
            noise=options.noise,
        )
        sizes = _sizes(options.sizes) or SIZES[resolve_device(options.device).type]
        config = configure(config)
        config = replace(
            config,
            batch=options.batch or config.batch,
            meta_batch=options.styles_together or config.meta_batch,
            record_steps=not options.eager,
        )
        finished = campaign(
            config,
            sizes=sizes,
            minutes=options.minutes,
            deadline=deadline,
            licence=options.licence,
            validated=not options.train_only,
        )
    except (ModelError, ValueError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0 if finished else AGAIN


def _sizes(text: str | None) -> tuple[int, ...]:
    levels = 1 + max(stage.level for stage in STAGES)
    sizes = tuple(int(part) for part in text.split(",")) if text else ()
    if sizes and (len(sizes) != levels or min(sizes) < 32 or any(size % 8 for size in sizes)):
        raise ValueError(f"--sizes takes {levels} multiples of 8 from 32 on, not {text}")
    return sizes


if __name__ == "__main__":
    sys.exit(main())
