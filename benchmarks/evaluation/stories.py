"""What learning an author brings, in nats a token on other works of the same author.

For every author whom no training saw: passages of four works are learned from, passages of others are
predicted. *Right* learns from the author, *wrong* from another. Rows: the checkpoint's inner loop;
fine-tuning of phi at one rate for all of it (the best of several on the validation authors) from no effect,
and from the joint training alone where its checkpoint is given; the examples in the language model's context,
as many tokens as were learned from.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.evaluation.poems import summary
from model.maml import Adam, LearningRates, UpdateRule, inner_loop
from model.sequence.network import expand_phi, token_loss
from model.sequence.objective import BETAS, Batch, stored_rates
from model.text.stories.base import StoriesBase, StoryLoss, load_stories
from model.text.stories.limits import DEFAULT_STEPS
from model.text.stories.llama import Cache, LowRank
from model.text.stories.passages import ASKED, READ, asked, passages, stack, support_batches
from model.text.stories.works import Author, Part, chosen, read_part

RATES = (0.001, 0.003, 0.01)


@dataclass(frozen=True)
class StoriesOptions:
    """How much is measured."""

    steps: tuple[int, ...] = (0, 4, DEFAULT_STEPS)
    authors: int = 100
    works: int = 4  # to learn from
    query: int = 4  # passages of each author
    context: bool = True
    seed: int = 0


@dataclass(frozen=True)
class Fold:
    """One author: passages to learn from, by work, and passages of other works to be predicted."""

    author: str
    support: list[list[list[int]]]
    query: list[list[int]]


def make_folds(
    authors: Sequence[Author], part: Part, base: StoriesBase, options: StoriesOptions
) -> list[Fold]:
    """Authors of one part; whoever learns from the wrong one learns from the author before."""
    rng = random.Random(options.seed)
    folds = []
    for author in chosen(authors, part)[: options.authors]:
        works = [own for own in passages([read_part(w) for w in author.works], base.tokenizer) if own]
        rng.shuffle(works)
        cut = min(options.works, len(works) - 1)
        query = [rng.choice(works[cut + i % (len(works) - cut)]) for i in range(options.query)]
        folds.append(Fold(author.name, works[:cut], query))
    return folds


def before(base: StoriesBase) -> list[int]:
    """The tokens before every passage."""
    found: list[int] = base.tokenizer.encode(asked(ASKED)).ids
    return found


def measure(
    base: StoriesBase, folds: Sequence[Fold], rule: UpdateRule, options: StoriesOptions
) -> dict[str, Any]:
    """Nats a token of each author's query after each of ``options.steps``: learned from right and wrong."""
    loss = StoryLoss(base.network)
    learned = []
    for fold in folds:
        result = inner_loop(
            loss,
            expand_phi(base.phi, 1),
            support_batches(fold.support, before(base), options.seed, read=READ),
            rule,
            max(options.steps),
            keep_trajectory=True,
        )
        learned.append({k: dict(result.trajectory[k]) for k in options.steps})

    def judge(phi: Mapping[str, Tensor], query: Batch) -> float:
        with torch.no_grad():
            return float(loss(phi, query))

    return _right_and_wrong(base, folds, options.steps, lambda who, k, query: judge(learned[who][k], query))


def in_context(base: StoriesBase, folds: Sequence[Fold], options: StoriesOptions) -> dict[str, Any]:
    """The same with the passages of all steps before the query, and nothing learned."""
    steps = max(options.steps)

    def judge(who: int, k: int, query: Batch) -> float:
        read = support_batches(folds[who].support, before(base), options.seed, read=READ)
        context = list(before(base))
        for step in range(k):
            batch = read(step)
            for row in range(len(batch)):
                context += [n for n in batch.targets[row].tolist() if n >= 0]
        with torch.inference_mode():
            cache = Cache(base.network.shape, len(query), len(context) + query.inputs.shape[1])
            base.network(torch.tensor([context]), None, cache, last=True)
            cache.keep(0, 0, cache.length)
            logits = base.network(query.inputs, None, cache)
            return float(token_loss(logits, query.targets, 1))

    return _right_and_wrong(base, folds, (0, steps), judge)


def _right_and_wrong(
    base: StoriesBase,
    folds: Sequence[Fold],
    steps: Sequence[int],
    judge: Callable[[int, int, Batch], float],
) -> dict[str, Any]:
    rows = {}
    for i, fold in enumerate(folds):
        query = stack(fold.query, before(base))
        start = judge(i, 0, query)
        rows[fold.author] = {
            kind: [start if k == 0 else judge(who, k, query) for k in steps]
            for kind, who in (("right", i), ("wrong", i - 1))
        }
    return rows


def fixed(base: StoriesBase, rate: float) -> UpdateRule:
    """Adam at one rate for every tensor of phi."""
    return Adam(LearningRates({k: v.shape for k, v in base.phi.items()}, rate), betas=BETAS)


def without_effect(base: StoriesBase) -> StoriesBase:
    """The language model alone."""
    phi = {name: value.detach() for name, value in LowRank(base.network.shape).tensors().items()}
    return replace(base, phi=phi)


def evaluate_stories(
    folder: Path,
    checkpoint: Path | None,
    joint: Path | None,
    authors: Sequence[Author],
    options: StoriesOptions,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Everything that is reported of stories; ``folder``: of the language model."""
    base = load_stories(folder, checkpoint)
    folds = make_folds(authors, "held out", base, options)
    results: dict[str, Any] = {"options": asdict(options), "card": base.header.get("card", {})}

    def add(name: str, rows: dict[str, Any], steps: Sequence[int]) -> None:
        results[name] = summary(rows, steps)
        results[f"{name}, by author"] = rows
        say(table({name: results[name]}))

    rates = Adam(stored_rates(base.rates, base.phi), betas=BETAS)
    add("learned rates", measure(base, folds, rates, options), options.steps)
    starts = {"fine-tuning": without_effect(base)}
    if joint is not None:
        starts["fine-tuning after joint training"] = load_stories(folder, joint)
    tuning = make_folds(authors, "validation", base, options)
    for name, start in starts.items():
        scores = {}
        for rate in RATES:
            rows = summary(measure(start, tuning, fixed(start, rate), options), options.steps)
            scores[rate] = rows[-1]["right"]
        best = min(scores, key=lambda rate: scores[rate])
        add(f"{name}, Adam {best}", measure(start, folds, fixed(start, best), options), options.steps)
    if options.context:
        bare = without_effect(base)
        add("examples in context", in_context(bare, folds, options), (0, max(options.steps)))
    return results


def table(results: Mapping[str, Any]) -> str:
    """Markdown."""
    from benchmarks.evaluation import poems

    return poems.table(results)


def write_results(results: Mapping[str, Any], out: Path) -> None:
    """stories.json and stories.md in ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "stories.json").write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n")
    (out / "stories.md").write_text(table(results) + "\n")
