"""What learning a poet brings, in nats a character on other poems of the same poet.

For every poet that no training saw: twelve poems are learned from, the others are predicted. *Right* learns
from the poet, *wrong* from another of the same collection. Rows: the checkpoint's inner loop; fine-tuning of
phi at one rate for all of it (the best of several on the validation poets) from the joint training alone,
without meta-learning, where its checkpoint is given. Then poems written after learning: form, copies, and how
varied they are.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import bootstrap
from model.maml import Adam, LearningRates, UpdateRule, inner_loop
from model.sequence.network import expand_phi
from model.sequence.objective import BETAS, Batch, SequenceLoss, stored_rates
from model.text.poems.adaptation import adapt, support_batches
from model.text.poems.checkpoint import PoemsBase, load_poems
from model.text.poems.checks import faults
from model.text.poems.encoding import EncodedPoem, encode, stack
from model.text.poems.poem import Poem
from model.text.poems.works import Part, Poet, chosen
from model.text.poems.writing import PoemRequest, PoemWriter

STEPS = (0, 1, 2, 4, 8)
RATES = (0.003, 0.01, 0.03)
FORMS = ("wujue", "qijue", "wulu", "qilu")


@dataclass(frozen=True)
class PoemsOptions:
    """How much is measured."""

    poets: int = 60
    examples: int = 12
    query: int = 16  # poems of each poet
    written: int = 0  # poems
    measured: bool = True  # False: nothing but the written poems
    seed: int = 0


@dataclass(frozen=True)
class Fold:
    """One poet: poems to learn from, others to be predicted, and a poet of the same collection."""

    poet: str
    support: list[EncodedPoem]
    query: Batch
    wrong: str


def make_folds(poets: Sequence[Poet], part: Part, base: PoemsBase, options: PoemsOptions) -> list[Fold]:
    """Poets of one part, drawn evenly from the collections."""
    rng = random.Random(options.seed)
    able = [p for p in chosen(poets, part) if len(p.poems) >= options.examples + 4]
    rng.shuffle(able)
    folds = []
    for poet in able[: options.poets]:
        others = [p.name for p in able if p.group == poet.group and p.name != poet.name]
        if not others:
            continue
        encoded = [encode(poem, poet.kind, base.alphabet) for poem in poet.poems]
        rng.shuffle(encoded)
        query = encoded[options.examples :][: options.query]
        folds.append(
            Fold(poet.name, encoded[: options.examples], stack(query, base.alphabet), rng.choice(others))
        )
    known = {fold.poet for fold in folds}
    names = {fold.poet: fold.wrong for fold in folds}
    groups = {p.name: p.group for p in able}
    for i, fold in enumerate(folds):
        if fold.wrong not in known:
            same = [n for n in names if groups[n] == groups[fold.poet] and n != fold.poet]
            if same:
                folds[i] = Fold(fold.poet, fold.support, fold.query, rng.choice(same))
    return [fold for fold in folds if fold.wrong in known]


def measure(base: PoemsBase, folds: Sequence[Fold], rule: UpdateRule, seed: int = 0) -> dict[str, Any]:
    """Nats a character of each poet's query after each of ``STEPS``: learned from the right and the wrong."""
    loss = SequenceLoss(base.network)
    learned: dict[str, dict[int, dict[str, Tensor]]] = {}
    for fold in folds:
        result = inner_loop(
            loss,
            expand_phi(base.phi, 1),
            support_batches(fold.support, base.alphabet, seed),
            rule,
            max(STEPS),
            keep_trajectory=True,
        )
        learned[fold.poet] = {k: dict(result.trajectory[k]) for k in STEPS}
    rows = {}
    with torch.no_grad():
        for fold in folds:
            rows[fold.poet] = {
                kind: [float(loss(learned[name][k], fold.query)) for k in STEPS]
                for kind, name in (("right", fold.poet), ("wrong", fold.wrong))
            }
    return rows


def summary(rows: Mapping[str, Any], steps: Sequence[int] = STEPS) -> list[dict[str, Any]]:
    """One row for each of ``steps``: means, the gap with its interval, shares of poets."""
    right = np.array([row["right"] for row in rows.values()])
    wrong = np.array([row["wrong"] for row in rows.values()])
    found = []
    for i, step in enumerate(steps):
        gap = wrong[:, i] - right[:, i]
        interval = bootstrap.mean(gap)
        found.append(
            {
                "steps": step,
                "right": float(right[:, i].mean()),
                "wrong": float(wrong[:, i].mean()),
                "gap": float(gap.mean()),
                "interval": [interval.low, interval.high],
                "better": float((right[:, i] < right[:, 0]).mean()),
                "beats": float((gap > 0).mean()),
            }
        )
    return found


def fixed(base: PoemsBase, rate: float) -> UpdateRule:
    """Adam at one rate for every tensor of phi."""
    return Adam(LearningRates({k: v.shape for k, v in base.phi.items()}, rate), betas=BETAS)


def write_poems(base: PoemsBase, poets: Sequence[Poet], count: int, seed: int = 0) -> dict[str, Any]:
    """``count`` poems after learning from held-out poets of shi: form, copies, variety."""
    writer = PoemWriter(base)
    able = [p for p in chosen(poets, "held out") if p.kind == "shi" and len(p.poems) >= 12]
    rng = random.Random(seed)
    made: list[Poem] = []
    sound, runs = 0, []
    each = max(1, min(8, count // max(1, min(len(able), 12))))
    while len(made) < count:
        poet = able[(len(made) // each) % len(able)]
        style = adapt(base, rng.sample(list(poet.poems), 12), seed=seed)
        request = PoemRequest(
            form=FORMS[(len(made) // each) % 4], count=min(each, count - len(made)), seed=len(made),
            script="traditional",
        )  # fmt: skip
        for result in writer.write(style, request):
            made.append(result.poem)
            sound += not faults(result.poem, result.form, base.alphabet)
            runs.append(max(result.report.examples.longest, result.report.training.longest))
    return {
        "poems": len(made),
        "sound": sound / len(made),
        "longest_run": max(runs),
        "distinct_2": distinct(made, 2),
        "distinct_3": distinct(made, 3),
        "human_distinct_2": distinct([p for poet in able for p in poet.poems][: len(made)], 2),
        "samples": [poem.written() for poem in made[:12]],
    }


def distinct(poems: Sequence[Poem], length: int) -> float:
    """Share of the runs of ``length`` characters within lines that are different."""
    runs = [
        line[i : i + length] for poem in poems for line in poem.lines for i in range(len(line) - length + 1)
    ]
    return len(set(runs)) / max(1, len(runs))


def compare(
    base: PoemsBase, joint: Path | None, poets: Sequence[Poet], options: PoemsOptions
) -> dict[str, Any]:
    """Learning from the right and the wrong poet, by the learned rates and by fine-tuning."""
    folds = make_folds(poets, "held out", base, options)
    rows = measure(base, folds, Adam(stored_rates(base.rates, base.phi), betas=BETAS), options.seed)
    results: dict[str, Any] = {"learned rates": summary(rows)}
    if joint is not None:
        start = load_poems(joint)
        tuning = make_folds(poets, "validation", start, options)
        scores = {
            rate: min(row["right"] for row in summary(measure(start, tuning, fixed(start, rate))))
            for rate in RATES
        }
        best = min(scores, key=lambda rate: scores[rate])
        own = make_folds(poets, "held out", start, options)
        results[f"fine-tuning, Adam {best}"] = summary(measure(start, own, fixed(start, best)))
    return results


def evaluate_poems(
    checkpoint: Path | None, joint: Path | None, poets: Sequence[Poet], options: PoemsOptions
) -> dict[str, Any]:
    """Everything that is reported of poems."""
    base = load_poems(checkpoint)
    results: dict[str, Any] = {"options": asdict(options), "card": base.header.get("card", {})}
    if options.measured:
        results |= compare(base, joint, poets, options)
    if options.written:
        results["written"] = write_poems(base, poets, options.written, options.seed)
    return results


def table(results: Mapping[str, Any]) -> str:
    """Markdown."""
    lines = [
        "| method | steps | right | wrong | wrong minus right | better than before | right beats wrong |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, rows in results.items():
        if not isinstance(rows, list):
            continue
        for row in rows:
            low, high = row["interval"]
            lines.append(
                f"| {name} | {row['steps']} | {row['right']:.3f} | {row['wrong']:.3f} | {row['gap']:.3f} "
                f"[{low:.3f}, {high:.3f}] | {row['better']:.0%} | {row['beats']:.0%} |"
            )
    return "\n".join(lines)


def write_results(results: Mapping[str, Any], out: Path) -> None:
    """poems.json and poems.md in ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "poems.json").write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n")
    (out / "poems.md").write_text(table(results) + "\n")
