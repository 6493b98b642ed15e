"""Sampling in a form: characters are drawn from what form, rhyme and tones leave, and copied runs broken off.

Several candidates are written side by side, and the best is kept: the one whose characters are the likeliest
without the masks, and likelier after learning than before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.errors import AdaptationCanceled
from model.sequence.network import Cache
from model.text.originality import RunIndex
from model.text.poems.alphabet import UNKNOWN, Alphabet, tone_of
from model.text.poems.checkpoint import PoemsBase
from model.text.poems.encoding import beginning, places
from model.text.poems.forms import Form, Pattern, rhyming

CANDIDATES = 16
MANNER = 0.5  # weight of what learning changed in the choice between candidates
_RARE = 12  # characters: a rhyme with fewer of them is not begun

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class SamplingOptions:
    """How characters are drawn.

    Attributes:
        temperature: above 0; below 1 likelier, above 1 more surprising.
        top_p: characters outside the likeliest that make up this share are left out.
        max_copied: longest run of characters that may be shared with known poems.
        avoid: characters that are not used.
        repeat: a character may come again in the poem; else only doubled (悠悠).
    """

    temperature: float = 0.9
    top_p: float = 0.92
    max_copied: int = 4
    avoid: frozenset[int] = frozenset()
    repeat: bool = False


@dataclass(frozen=True)
class Candidate:
    """One poem in numbers, and how good it is (higher is better)."""

    body: tuple[int, ...]
    score: float


class Sounds:
    """Which characters have which tone and rhyme, as masks over the tokens of a network."""

    def __init__(self, alphabet: Alphabet, tokens: int) -> None:
        self.any = np.zeros(tokens, np.bool_)
        self.any[1 : alphabet.size] = True
        self.level, self.oblique = np.zeros(tokens, np.bool_), np.zeros(tokens, np.bool_)
        self.rhymes: dict[str, Mask] = {}
        for number, names in alphabet.rhymes_of.items():
            for name in names:
                (self.level if tone_of(name) == "level" else self.oblique)[number] = True
                self.rhymes.setdefault(name, np.zeros(tokens, np.bool_))[number] = True
        usual = [m for name, m in self.rhymes.items() if tone_of(name) == "level" and m.sum() >= _RARE]
        self.beginning = np.any(usual, axis=0) if usual else self.level

    def of_tone(self, sign: str) -> Mask:
        """The characters that a sign of a pattern permits."""
        return {"P": self.level, "Z": self.oblique}.get(sign, self.any)

    def level_rhymes(self, number: int) -> frozenset[str]:
        """Level rhymes of a character."""
        return frozenset(n for n, mask in self.rhymes.items() if mask[number] and tone_of(n) == "level")


class _Row:
    """One candidate on its way."""

    def __init__(self, pattern: Sequence[Pattern], rng: np.random.Generator) -> None:
        self.pattern, self.rng = pattern, rng
        self.body: list[int] = []
        self.rhymes: frozenset[str] | None = None
        self.score = 0.0
        self.failed = False


def sample(
    base: PoemsBase,
    phi: Mapping[str, Tensor],
    form: Form,
    title: Sequence[int],
    options: SamplingOptions,
    known: Sequence[RunIndex],
    seed: Sequence[int],
    *,
    candidates: int = CANDIDATES,
    on_character: Callable[[int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> list[Candidate]:
    """Poems in ``form``, the best first; empty where all came to a dead end.

    Args:
        base: the checkpoint.
        phi: learned, without the task dimension.
        form: with its patterns of tones, each for some of the candidates.
        title: numbers of its characters.
        options: see there.
        known: runs longer than ``options.max_copied`` in these are broken off.
        seed: of the draws.
        candidates: how many are written.
        on_character: told the number of characters that are written.
        should_stop: asked before every character; raises ``AdaptationCanceled`` where it answers True.
    """
    rows = [
        _Row(
            form.patterns[i % len(form.patterns)] if form.patterns else (), np.random.default_rng([*seed, i])
        )
        for i in range(candidates)
    ]
    both = {name: torch.stack([value, base.phi[name]]) for name, value in phi.items()}
    tokens = base.network.tokens.num_embeddings
    sounds = Sounds(base.alphabet, tokens)
    where = places(form.layout)
    head = beginning(form.kind, title, base.alphabet)
    cache = Cache(base.network.config, len(head) + len(where), 2 * candidates)
    read = [[(token, 0, 0, 0, 0) for token in head[:-1]] + [(head[-1], *where[0])]] * candidates
    ends = list(accumulate(length for length, _ in form.layout))
    with torch.inference_mode():
        for at in range(len(where)):
            if should_stop is not None and should_stop():
                raise AdaptationCanceled("writing was cancelled")
            logits = base.network(torch.tensor(read + read), both, cache)[:, -1].float()
            logs = logits.log_softmax(-1).numpy().astype(np.float64)
            line = next(i for i, end in enumerate(ends) if at < end)
            for i, row in enumerate(rows):
                last = at == ends[line] - 1
                mask = _allowed(
                    row, form, line, at - (ends[line] - form.layout[line][0]), last, sounds, options
                )
                drawn = _draw(row, logs[i], mask, options, known)
                row.score += float(logs[i][drawn] + MANNER * (logs[i][drawn] - logs[candidates + i][drawn]))
                row.body.append(drawn)
                if last and row.pattern and line in rhyming(form, row.pattern):
                    found = sounds.level_rhymes(drawn)
                    row.rhymes = found if row.rhymes is None else row.rhymes & found
            if on_character is not None:
                on_character(at + 1)
            if at + 1 < len(where):
                read = [[(row.body[-1], *where[at + 1])] for row in rows]
    done = [Candidate(tuple(row.body), row.score / len(where)) for row in rows if not row.failed]
    return sorted(done, key=lambda candidate: -candidate.score)


def _allowed(
    row: _Row, form: Form, line: int, place: int, last: bool, sounds: Sounds, options: SamplingOptions
) -> Mask:
    mask = sounds.any.copy()
    if row.pattern:
        mask &= sounds.of_tone(row.pattern[line][place])
        if last and line in rhyming(form, row.pattern):
            if row.rhymes is None:
                mask &= sounds.beginning
            else:
                mask &= np.any([sounds.rhymes[name] for name in sorted(row.rhymes)], axis=0)
            mask[row.body] = False
    if not options.repeat and row.body:
        doubled = row.body[-1] if place > 0 and row.body[-2:-1] != row.body[-1:] else UNKNOWN
        kept = mask[doubled]
        mask[row.body] = False
        if doubled and not last:
            mask[doubled] = kept
    mask[list(options.avoid)] = False
    return mask


def _draw(
    row: _Row, logs: NDArray[np.float64], mask: Mask, options: SamplingOptions, known: Sequence[RunIndex]
) -> int:
    if len(row.body) >= options.max_copied:
        tail = row.body[len(row.body) - options.max_copied :]
        for index in known:
            mask[list(index.following(tail))] = False
    if row.failed or not mask.any():
        row.failed = True
        return 1
    chances = np.where(mask, np.exp((logs - logs[mask].max()) / options.temperature), 0.0)
    chances /= chances.sum()
    order = np.argsort(-chances, kind="stable")
    kept = order[: int(np.searchsorted(np.cumsum(chances[order]), options.top_p)) + 1]
    return int(row.rng.choice(kept, p=chances[kept] / chances[kept].sum()))
