"""What learning a composer brings, in nats a token on works from other song cycles of the same composer.

For every composer that no training saw: five works from some cycles are learned from, works from the other
cycles are predicted. *Right* learns from the composer, *wrong* from others of the same set. Rows: the
checkpoint's inner loop; fine-tuning from the checkpoint of the joint training alone (without meta-learning),
of phi and of all weights, each at the rate that is best for it on the validation composers at that number of
steps; a cache of n-grams.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as F

from benchmarks import bootstrap
from model.maml import Adam, LearningRates, Params, UpdateRule, inner_loop
from model.music.adaptation import STRETCHES, support_batches
from model.music.checkpoint import MusicBase, load_music
from model.music.encoding import EncodedSong
from model.music.ngrams import NgramCache, mixed_nats
from model.music.windows import stack, whole_windows
from model.music.works import HELD_OUT, VALIDATION, Work, by_composer
from model.sequence.network import expand_phi, token_loss
from model.sequence.objective import BETAS, Batch, SequenceLoss, stored_rates

STEPS = (0, 1, 4, 6, 8, 16)
LENGTH = 384
WRONG = 2  # other composers learned from, for every one
PHI_RATES = (0.003, 0.01, 0.03)
ALL_RATES = (0.0003, 0.001)
CACHE_WEIGHTS = (0.02, 0.05, 0.1, 0.2, 0.3)


@dataclass(frozen=True)
class Fold:
    """One composer: works to learn from, and windows of others to be predicted."""

    composer: str
    support: list[EncodedSong]
    query: Batch
    sequences: list[list[int]]  # the windows as tokens


@dataclass(frozen=True)
class EvaluationOptions:
    """How much is measured."""

    examples: int = 5
    windows: int = 8  # of each composer
    stretches: int = STRETCHES  # of an inner step: as served
    folds: int = 1
    seed: int = 0


def make_folds(works: Sequence[Work], composers: Sequence[str], options: EvaluationOptions) -> list[Fold]:
    """For each composer: works from half of the cycles, and windows from the others."""
    groups = by_composer(works)
    folds = []
    for fold in range(options.folds):
        for composer in composers:
            rng = random.Random(f"{options.seed} {fold} {composer}")
            group = groups.get(composer, [])
            cycles = sorted({work.cycle for work in group})
            if len(cycles) < 2:
                continue
            rng.shuffle(cycles)
            support: list[Work] = []
            chosen: set[str] = set()
            for cycle in cycles[:-1]:
                if len(support) < options.examples:
                    chosen.add(cycle)
                    support += [work for work in group if work.cycle == cycle]
            query = [work for work in group if work.cycle not in chosen]
            rng.shuffle(support)
            windows = [w for work in query for w in whole_windows(work.song, LENGTH) if len(w) > LENGTH // 2]
            rng.shuffle(windows)
            windows = windows[: options.windows]
            folds.append(
                Fold(
                    composer,
                    [work.song for work in support[: options.examples]],
                    stack(windows, LENGTH),
                    windows,
                )
            )
    return folds


@dataclass(frozen=True)
class Method:
    """A way to learn: trajectories of parameters, and the loss of a batch under them."""

    adapt: Callable[[Sequence[EncodedSong], int], dict[int, Params]]
    loss: Callable[[Params, Batch], Tensor]


def phi_method(base: MusicBase, rule: UpdateRule, stretches: int) -> Method:
    """phi moves, the weights stay."""
    loss = SequenceLoss(base.network)

    def adapt(songs: Sequence[EncodedSong], seed: int) -> dict[int, Params]:
        result = inner_loop(
            loss,
            expand_phi(base.phi, 1),
            support_batches(songs, seed, stretches=stretches),
            rule,
            max(STEPS),
            keep_trajectory=True,
        )
        return {step: result.trajectory[step] for step in STEPS}

    return Method(adapt, loss)


def all_weights_method(base: MusicBase, rate: float, stretches: int) -> Method:
    """Every weight of the network moves, and phi: ordinary fine-tuning by Adam."""
    start: dict[str, Tensor] = {f"network.{k}": v for k, v in base.network.named_parameters()}
    start |= {f"phi.{k}": v for k, v in base.phi.items()}
    shapes = {name: value.shape for name, value in start.items()}
    rule = Adam(LearningRates(shapes, rate), betas=(0.9, 0.999))

    def loss(params: Params, batch: Batch) -> Tensor:
        weights = {k.removeprefix("network."): v for k, v in params.items() if k.startswith("network.")}
        phi = {k.removeprefix("phi."): v[None] for k, v in params.items() if k.startswith("phi.")}
        return token_loss(functional_call(base.network, weights, (batch.inputs, phi)), batch.targets, 1)[0]

    def adapt(songs: Sequence[EncodedSong], seed: int) -> dict[int, Params]:
        result = inner_loop(
            loss,
            start,
            support_batches(songs, seed, stretches=stretches),
            rule,
            max(STEPS),
            keep_trajectory=True,
        )
        return {step: result.trajectory[step] for step in STEPS}

    return Method(adapt, loss)


def measure(
    method: Method, folds: Sequence[Fold], *, wrong: int = WRONG
) -> dict[str, dict[int, dict[str, float]]]:
    """By composer and number of steps: nats a token after learning from the right and from wrong ones."""
    table: dict[str, dict[int, dict[str, list[float]]]] = {}
    for i, fold in enumerate(folds):
        paths = method.adapt(fold.support, 0)
        for offset in range(wrong + 1):
            heard = folds[(i + offset) % len(folds)]  # whose works are predicted with what fold i taught
            if offset and heard.composer == fold.composer:
                continue
            for step, params in paths.items():
                with torch.no_grad():
                    nats = float(method.loss(params, heard.query).mean())
                row = table.setdefault(heard.composer, {}).setdefault(step, {})
                row.setdefault("wrong" if offset else "right", []).append(nats)
    return {
        composer: {
            step: {name: float(np.mean(values)) for name, values in row.items()} for step, row in rows.items()
        }
        for composer, rows in table.items()
    }


def best_rates(
    make: Callable[[float], Method], rates: Sequence[float], folds: Sequence[Fold]
) -> dict[int, float]:
    """The rate that is best on ``folds`` for each number of steps."""
    right: dict[float, dict[int, float]] = {}
    for rate in rates:
        rows = measure(make(rate), folds, wrong=0)
        right[rate] = {step: float(np.mean([row[step]["right"] for row in rows.values()])) for step in STEPS}
    return {step: min(rates, key=lambda rate: right[rate][step]) for step in STEPS}


def measure_at_best(
    make: Callable[[float], Method], best: Mapping[int, float], folds: Sequence[Fold]
) -> dict[str, dict[int, dict[str, float]]]:
    """As ``measure``, each number of steps with the rate that is best for it."""
    rows = {rate: measure(make(rate), folds) for rate in set(best.values())}
    composers = next(iter(rows.values()))
    return {name: {step: rows[best[step]][name][step] for step in STEPS} for name in composers}


def likelihoods(base: MusicBase, fold: Fold) -> list[np.ndarray]:
    """Of every counted token of every window, under phi_0."""
    with torch.no_grad():
        logits = base.network(fold.query.inputs, expand_phi(base.phi, 1))
    chances = F.softmax(logits, -1)
    rows = []
    for row, targets in enumerate(fold.query.targets):
        places = torch.nonzero(targets >= 0)[:, 0]
        rows.append(chances[row, places, targets[places]].double().numpy())
    return rows


def measure_cache(
    base: MusicBase, folds: Sequence[Fold], weight: float, *, wrong: int = WRONG
) -> dict[str, dict[str, float]]:
    """Right and wrong of the network at phi_0 mixed with an n-gram cache of the examples."""
    known = [likelihoods(base, fold) for fold in folds]
    caches = [
        NgramCache([window for song in fold.support for window in whole_windows(song, 10_000)])
        for fold in folds
    ]
    table: dict[str, dict[str, list[float]]] = {}
    for i in range(len(folds)):
        for offset in range(wrong + 1):
            j = (i + offset) % len(folds)
            if offset and folds[j].composer == folds[i].composer:
                continue
            total, count = 0.0, 0
            for row, sequence in enumerate(folds[j].sequences):
                places = (torch.nonzero(folds[j].query.targets[row] >= 0)[:, 0] + 1).tolist()
                total += mixed_nats(known[j][row], sequence, places, caches[i], weight)
                count += len(places)
            name = "wrong" if offset else "right"
            table.setdefault(folds[j].composer, {}).setdefault(name, []).append(total / max(1, count))
    return {c: {n: float(np.mean(v)) for n, v in row.items()} for c, row in table.items()}


def summarize(rows: Mapping[str, Mapping[int, Mapping[str, float]]]) -> dict[str, Any]:
    """Means over composers with 95 % bootstrap intervals, at every number of steps."""
    summary: dict[str, Any] = {}
    for step in STEPS:
        start = np.array([row[0]["right"] for row in rows.values()])
        right = np.array([row[step]["right"] for row in rows.values()])
        wrong = np.array([row[step]["wrong"] for row in rows.values()])
        summary[str(step)] = {
            "right": _interval(right),
            "wrong": _interval(wrong),
            "wrong_minus_right": _interval(wrong - right),
            "gain": _interval(start - right),
            "better_than_before": float((right < start).mean()),
            "right_beats_wrong": float((right < wrong).mean()),
        }
    return summary


def _interval(values: np.ndarray) -> list[float]:
    found = bootstrap.mean([float(value) for value in values])
    return [round(float(x), 4) for x in (found.value, found.low, found.high)]


def evaluate_music(
    checkpoint: Path | None,
    joint: Path | None,
    works: Sequence[Work],
    options: EvaluationOptions,
    on_row: Callable[[Mapping[str, Any]], None] = lambda results: None,
    cache: Path | None = None,
) -> dict[str, Any]:
    """All rows over the held-out composers; see the module.

    Args:
        checkpoint: the one to be measured; None: the package's.
        joint: that of the joint training alone; None: rows of fine-tuning are left out.
        works: of all composers.
        options: how much is measured.
        on_row: called with the results as they stand, after each row.
        cache: folder that keeps measured rows, so that a run that was killed goes on where it was.
    """
    base = load_music(checkpoint)
    test = make_folds(works, HELD_OUT, options)
    validation = make_folds(works, VALIDATION, options)
    results: dict[str, Any] = {
        "checkpoint": base.hash,
        "card": base.header["card"],
        "composers": [fold.composer for fold in test],
        "query_tokens": sum(int((fold.query.targets >= 0).sum()) for fold in test),
        "options": asdict(options),
        "rows": {},
    }

    def add(name: str, of: MusicBase, make_row: Callable[[], dict[str, Any]]) -> None:
        about = json.dumps([name, of.hash, asdict(options), list(STEPS)])
        kept = cache / f"music-{hashlib.sha256(about.encode()).hexdigest()[:16]}.json" if cache else None
        if kept is not None and kept.exists():
            row = json.loads(kept.read_text())
        else:
            row = make_row()
            if kept is not None:
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(json.dumps(row))
        results["rows"][name] = row
        on_row(results)

    rule = Adam(stored_rates(base.rates, base.phi), betas=BETAS)

    def meta_learned() -> dict[str, Any]:
        rows = measure(phi_method(base, rule, options.stretches), test)
        known = measure(phi_method(base, rule, options.stretches), validation)
        return {"steps": summarize(rows), "composers": rows, "validation": summarize(known)}

    def ngram_cache() -> dict[str, Any]:
        weight = min(CACHE_WEIGHTS, key=lambda w: _mean_right(measure_cache(base, validation, w, wrong=0)))
        cached = measure_cache(base, test, weight)
        right = np.array([row["right"] for row in cached.values()])
        wrong = np.array([row["wrong"] for row in cached.values()])
        gap = _interval(wrong - right)
        return {
            "weight": weight,
            "right": _interval(right),
            "wrong": _interval(wrong),
            "wrong_minus_right": gap,
        }

    add("meta-learned", base, meta_learned)
    add("n-gram cache", base, ngram_cache)
    if joint is None:
        return results
    start = load_music(joint)
    shapes = {name: value.shape for name, value in start.phi.items()}

    def by_phi(rate: float) -> Method:
        return phi_method(start, Adam(LearningRates(shapes, rate), betas=BETAS), options.stretches)

    def by_all(rate: float) -> Method:
        return all_weights_method(start, rate, options.stretches)

    for name, make, rates in (
        ("fine-tuned phi", by_phi, PHI_RATES),
        ("fine-tuned weights", by_all, ALL_RATES),
    ):
        add(name, start, partial(_fine_tuned, make, rates, validation, test))
    return results


def _fine_tuned(
    make: Callable[[float], Method], rates: Sequence[float], validation: Sequence[Fold], test: Sequence[Fold]
) -> dict[str, Any]:
    best = best_rates(make, rates, validation)
    rows = measure_at_best(make, best, test)
    about = {str(step): rate for step, rate in best.items()}
    return {"rates": about, "steps": summarize(rows), "composers": rows}


def _mean_right(rows: Mapping[str, Mapping[str, float]]) -> float:
    return float(np.mean([row["right"] for row in rows.values()]))


def table(results: Mapping[str, Any]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| row | steps | right | wrong | wrong minus right | better than before | right beats wrong |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in results["rows"].items():
        for step, at in row.get("steps", {"-": row}).items():
            cells = [_cell(at["right"]), _cell(at["wrong"]), _cell(at["wrong_minus_right"])]
            cells += [f"{at[k]:.0%}" if k in at else "" for k in ("better_than_before", "right_beats_wrong")]
            lines.append(f"| {name} | {step} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(value: Sequence[float]) -> str:
    return f"{value[0]:.4f} [{value[1]:.4f}, {value[2]:.4f}]"


def write_results(results: Mapping[str, Any], out: Path) -> None:
    """``music.json`` and ``music.md`` in ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "music.json").write_text(json.dumps(results, indent=1) + "\n")
    (out / "music.md").write_text(table(results))
