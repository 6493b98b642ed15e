"""Validation on held-out styles: how far do a few inner steps go, on the examples and on unseen works?"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from model.adaptation import Adaptation, AdaptConfig, fit
from model.adaptation_loop import Judgement
from model.data.folders import StyleFolder, load, scan_photos, to_tensor
from model.maml import LearningRates
from model.networks import Networks, Objective
from model.perceptual.statistics import StyleStatistics, concatenate, pool

STEPS = (0, 1, 5, 10)


@dataclass(frozen=True)
class ValidationRow:
    """Means over the styles after so many inner steps."""

    step: int
    style: float  # weighted style terms, renders of held-out photos against the examples
    unseen: float  # the same against works of the artist that the inner loop never saw
    content: float
    styles: int


def validate(
    networks: Networks,
    objective: Objective,
    rates: LearningRates,
    styles: Path,
    contents: Path,
    *,
    k: int = 5,
    limit: int = 8,
    steps: Sequence[int] = STEPS,
    config: AdaptConfig | None = None,
    kept: Path | None = None,
    deadline: float | None = None,
) -> list[ValidationRow] | None:
    """Adapt to ``limit`` styles of the validation split with K examples each.

    Groups need two works more than ``k``; a small collection uses as many works as it has. With ``kept``,
    a file, styles that were measured before are not measured again; when ``deadline`` (of
    ``time.monotonic()``) leaves no time for another style, the answer is None: call again.
    """
    folder = StyleFolder.scan(styles, split="validation").at_least(2)
    full = folder.at_least(k + 2).groups
    groups = full or folder.groups
    photos: list[Image.Image] = [load(p) for p in scan_photos(contents, split="validation")]
    if not groups or len(photos) < 2:
        return []
    rng = random.Random(0)
    names = rng.sample(sorted(groups), min(limit, len(groups)))
    # ten steps of a longer loop, each of them judged
    config = replace(config or AdaptConfig(), decay_from=1.0, judge_every=1)
    measured: dict[str, Any] = json.loads(kept.read_text()) if kept is not None and kept.exists() else {}
    longest = 0.0
    for name in names:
        began = time.monotonic()
        works = [load(p) for p in groups[name]]
        shots = min(k, len(works) - 1)
        chosen = rng.sample(photos, min(8, len(photos)))
        if name in measured:
            continue
        if deadline is not None and began + 1.5 * longest > deadline:
            return None
        job = Adaptation(
            networks, objective, works[:shots], chosen[2:] or chosen, held_out=chosen[:2], config=config
        )
        unseen = _pooled(objective, works[shots:], config.example_side)
        found: dict[str, list[float]] = {}

        def note(
            step: int,
            phi: dict[str, Tensor],
            at: Judgement,
            job: Adaptation = job,
            unseen: StyleStatistics = unseen,
            found: dict[str, list[float]] = found,
        ) -> None:
            if step in steps:
                found[str(step)] = [at.style, job.judge(phi, unseen).style, at.content]

        job.run(rates, steps=max(steps), on_step=note)
        measured[name] = found
        if kept is not None:
            kept.write_text(json.dumps(measured))
        longest = max(longest, time.monotonic() - began)
    rows = []
    for step in steps:
        style, unseen_style, content = (
            _mean([measured[name][str(step)][column] for name in names]) for column in range(3)
        )
        rows.append(ValidationRow(step, style, unseen_style, content, len(names)))
    return rows


def _pooled(objective: Objective, works: Sequence[Image.Image], side: int) -> StyleStatistics:
    device = objective.device
    return pool(
        concatenate([objective.style_statistics(to_tensor([fit(work, side)]).to(device)) for work in works])
    )


def _mean(values: list[float]) -> float:
    return float(torch.tensor(values).mean())
