"""Sampling under a grammar: tokens are drawn from what the rules leave, and runs of others broken off."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from model.errors import AdaptationCanceled
from model.music.encoding import MAX_CHORD
from model.music.errors import CompositionFailedError
from model.music.grammar import Grammar
from model.music.grammar_state import Plan, State
from model.music.network import Network
from model.music.originality import DISTINCT, GRAM, OriginalityIndex, event_hash, grams
from model.music.score import LOWEST, Meter, Staff
from model.music.vocabulary import VOCABULARY
from model.music.windows import BEGINNING, Where, features, follow
from model.sequence.network import Cache

MAX_STEPS_BACK = 2000  # times that something may be taken back in one composition
_TRIES = 8  # other tokens at one place, before more is taken back


class CompositionCanceled(AdaptationCanceled):
    """``should_stop`` answered True between two bars."""


@dataclass(frozen=True)
class SamplingOptions:
    """How tokens are drawn.

    Attributes:
        temperature: above 0; below 1 likelier, above 1 more surprising.
        top_p: tokens outside the likeliest that make up this share are left out.
        max_copied: longest run of events that may be shared with known works; at least 8.
        context: tokens that the network looks back on.
    """

    temperature: float = 0.95
    top_p: float = 0.95
    max_copied: int = 16
    context: int = 380


@dataclass
class Runs:
    """The runs that a song being written shares with known works, staff by staff."""

    indexes: Sequence[OriginalityIndex]
    events: dict[Staff, list[int]] = field(default_factory=dict)
    tops: dict[Staff, int] = field(default_factory=dict)
    running: dict[tuple[Staff, int], dict[int, int]] = field(default_factory=dict)

    def copy(self) -> Runs:
        """An independent one: lists are replaced and never changed."""
        return Runs(self.indexes, copy(self.events), copy(self.tops), copy(self.running))

    def add(self, staff: Staff, duration: int, pitches: Sequence[int]) -> int:
        """Take note of a group (neutral pitches, falling); returns the longest run that it continues."""
        interval = pitches[0] - self.tops.get(staff, pitches[0])
        self.tops[staff] = pitches[0]
        below = [pitches[0] - pitch for pitch in pitches[1:]]
        recent = [*self.events.get(staff, []), event_hash(interval, duration, below)][-GRAM:]
        self.events[staff] = recent
        counts = len(recent) == GRAM and len(set(recent)) >= DISTINCT
        longest = 0
        gram = grams(np.array(recent, np.uint16))[0][0] if counts else None
        for number, index in enumerate(self.indexes):
            before = self.running.get((staff, number), {})
            found = [] if gram is None else [int(place) for place in index.find(gram)]
            now = {place: before.get(place - 1, 0) + 1 for place in found}
            self.running[(staff, number)] = now
            if now:
                longest = max(longest, max(now.values()) + GRAM - 1)
        return longest


def sample(
    network: Network,
    phi: Mapping[str, Tensor],
    plan: Plan,
    describing: Sequence[int],
    before: Sequence[Sequence[int]],
    options: SamplingOptions,
    indexes: Sequence[OriginalityIndex],
    generator: np.random.Generator,
    *,
    opening: bool = True,
    on_bar: Callable[[int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    state: State | None = None,
) -> list[list[int]]:
    """The tokens of every bar of ``plan`` (without BAR and METER), drawn one after the other.

    Args:
        network: in evaluation mode.
        phi: of one composer, without the task dimension.
        plan: what the grammar sees to.
        describing: the tokens before everything else: traits, and what follows a gap.
        before: bars that come before, each with its BAR and METER tokens: read, not returned.
        options: see there.
        indexes: of the examples and the training works.
        generator: the source of chance.
        opening: the song begins with the first of these bars.
        on_bar: called with the number of finished bars.
        should_stop: asked before every bar.
        state: of the grammar, where notes of earlier bars still sound.

    Raises:
        CompositionFailedError: every way on was a run that others have already.
        CompositionCanceled: ``should_stop`` answered True.
    """
    v = VOCABULARY
    grammar = Grammar(plan)
    runs = Runs(indexes)
    for tokens in before:
        for _, staff, duration, pitches in groups_in(tokens):
            runs.add(staff, duration, pitches)
    reader = _Reader(network, phi, options.context, [*describing], before, opening=opening)
    past = [(state or State(), runs)]  # before each of the tokens, and after the last of them
    written: list[int] = []
    banned: dict[int, set[int]] = {}  # tokens that led nowhere, by the place where they stood
    taken_back = 0

    def back_to(place: int, token: int) -> None:
        """Forget everything from ``place`` on, where ``token`` stood, which is not to come again."""
        nonlocal banned, taken_back
        taken_back += 1
        if place < 0 or taken_back > MAX_STEPS_BACK:
            raise CompositionFailedError(_FAILED)
        banned = {k: tokens for k, tokens in banned.items() if k <= place}
        banned.setdefault(place, set()).add(token)
        del written[place:], past[place + 1 :]
        reader.back_to(place)

    begun = 0
    while True:
        state, runs = past[-1][0].copy(), past[-1][1].copy()
        allowed = grammar.allowed(state)
        shut = banned.get(len(written), set())
        allowed[list(shut)] = False
        if not allowed.any() or len(shut) > _TRIES:
            back_to(len(written) - 1, written[-1] if written else 0)
            continue
        token = _draw(reader.logits(), allowed, options, generator)
        if state.phase == "pitch" and not v.is_pitch(token):
            _, staff, duration, pitches = groups_in(written[-MAX_CHORD - 1 :])[-1]
            if runs.add(staff, duration, pitches) > options.max_copied:
                place = len(written) - len(pitches)
                back_to(place, written[place])
                continue
        if grammar.finishes(state, token):
            break
        if v.is_bar(token):
            if should_stop is not None and should_stop():
                raise CompositionCanceled("the composition was cancelled")
            if on_bar is not None and state.bar + 1 > begun:
                on_bar(begun := state.bar + 1)
        grammar.advance(state, token)
        written.append(token)
        past.append((state, runs))
        reader.append(token)
    if on_bar is not None:
        on_bar(len(plan.meters))
    bars: list[list[int]] = []
    for token in written:
        if v.is_bar(token):
            bars.append([])
        elif not v.is_meter(token):
            bars[-1].append(token)
    return bars


_FAILED = (
    "No way on was found that others have not taken already: raise `max_copied` or `temperature`, or take "
    "another `seed`."
)


def groups_in(tokens: Sequence[int]) -> list[tuple[int, Staff, int, list[int]]]:
    """The complete groups among tokens: place, staff, duration and neutral pitches of each."""
    v = VOCABULARY
    groups = []
    for at, token in enumerate(tokens):
        if not v.is_group(token):
            continue
        end = at + 1
        while end < len(tokens) and v.is_pitch(tokens[end]):
            end += 1
        if end > at + 1:
            groups.append((at, *v.group_of(token), [t - v.pitch + LOWEST for t in tokens[at + 1 : end]]))
    return groups


def _draw(
    logits: Tensor, allowed: np.ndarray, options: SamplingOptions, generator: np.random.Generator
) -> int:
    places = np.flatnonzero(allowed)
    if len(places) == 1:
        return int(places[0])
    chosen = logits.numpy()[places].astype(np.float64) / options.temperature
    weights = np.exp(chosen - chosen.max())
    weights /= weights.sum()
    order = np.argsort(-weights)
    kept = order[: int(np.searchsorted(np.cumsum(weights[order]), options.top_p)) + 1]
    part = weights[kept] / weights[kept].sum()
    return int(places[kept[generator.choice(len(kept), p=part)]])


class _Reader:
    """The network reading a song that grows, and is cut back, token by token.

    When the context is full, reading begins anew with the describing tokens and the last bars.
    """

    def __init__(
        self,
        network: Network,
        phi: Mapping[str, Tensor],
        context: int,
        describing: Sequence[int],
        before: Sequence[Sequence[int]],
        *,
        opening: bool,
    ) -> None:
        self.network, self.context = network, context
        self.phi = {name: value[None] for name, value in phi.items()}
        self.describing = list(describing)
        self.song = [VOCABULARY.OPENING] if opening else []
        self.song += [token for bar in before for token in bar]
        self.given = len(self.song)
        self.cache = Cache(network.config, context)
        self.skipped = 0  # tokens of the song that the cache leaves out
        self.heads = 0  # tokens in the cache before the song's
        self._places: list[Where] = []  # after each token of the song
        for token in self.song:
            self._places.append(follow(self._places[-1] if self._places else BEGINNING, token))
        self._logits: Tensor | None = None
        self._read_anew()

    def logits(self) -> Tensor:
        """(tokens,) of the next one."""
        assert self._logits is not None
        return self._logits

    def append(self, token: int) -> None:
        """One more token."""
        self.song.append(token)
        self._places.append(follow(self._places[-1] if self._places else BEGINNING, token))
        if self.cache.length >= self.context:
            self._read_anew()
        else:
            self._read(np.array([[token, *self._places[-1]]]))

    def back_to(self, count: int) -> None:
        """Only ``count`` of the appended tokens stand."""
        size = self.given + count
        del self.song[size:], self._places[size:]
        if size > self.skipped + 1:
            self.cache.length = self.heads + size - self.skipped - 1
            self._read(np.array([[self.song[-1], *self._places[-1]]]))
        else:
            self._read_anew()

    def _read_anew(self) -> None:
        v = VOCABULARY
        told = list(self.describing)
        room = self.context * 2 // 3 - len(told) - 1
        self.skipped = 0
        if len(self.song) > room:
            bars = [i for i, token in enumerate(self.song) if v.is_bar(token)]
            self.skipped = next((i for i in bars if len(self.song) - i <= room), len(self.song) - room)
        rows = [*features(told)]
        rows += [
            np.array([token, *place])
            for token, place in zip(self.song[self.skipped :], self._places[self.skipped :], strict=True)
        ]
        self.heads = len(told)
        if self.skipped and not v.is_meter(self.song[self.skipped + 1]):
            meter = next(token for token in reversed(self.song[: self.skipped]) if v.is_meter(token))
            rows.insert(
                self.heads + 1, np.array([meter, 0, 0, 1 + meter - v.METER])
            )  # told in the first bar, as always
            self.heads += 1
        self.cache.length = 0
        self._read(np.array(rows))

    @torch.no_grad()
    def _read(self, rows: np.ndarray) -> None:
        logits = self.network(torch.from_numpy(rows)[None], self.phi, self.cache)
        self._logits = logits[0, -1]


def bar_tokens(
    meters: Sequence[Meter], bars: Sequence[Sequence[int]], remaining: Sequence[int]
) -> list[list[int]]:
    """Bars with their BAR and METER tokens, as the network reads them."""
    v = VOCABULARY
    rows: list[list[int]] = []
    meter: Meter | None = None
    for own, tokens, left in zip(meters, bars, remaining, strict=True):
        head = [v.bar_token(left)]
        if own != meter:
            head.append(v.meter_token(own))
            meter = own
        rows.append([*head, *tokens])
    return rows
