import random

import numpy as np
import pytest

from model.music.checks import ends_on_tonic, problems
from model.music.encoding import decode
from model.music.grammar import Grammar
from model.music.grammar_state import Plan, State
from model.music.score import Key, Staff
from model.music.vocabulary import METERS, VOCABULARY


def walk(plan, seed):
    """A song drawn blindly from what the grammar leaves, pitches and groups as often as bars and places."""
    v = VOCABULARY
    grammar, state, rng = Grammar(plan), State(), random.Random(seed)
    bars: list[list[int]] = []
    while True:
        allowed = np.flatnonzero(grammar.allowed(state))
        assert len(allowed), f"nothing may follow in phase {state.phase}"
        kinds: dict[tuple[bool, ...], list[int]] = {}
        for token in allowed.tolist():
            kind = (v.is_bar(token) or token == v.END, v.is_position(token), v.is_group(token))
            kinds.setdefault(kind, []).append(token)
        token = rng.choice(kinds[rng.choice(sorted(kinds))])
        if grammar.finishes(state, token):
            return bars
        if v.is_bar(token):
            bars.append([])
        elif not v.is_meter(token):
            bars[-1].append(token)
        grammar.advance(state, token)


@pytest.mark.parametrize("meter", METERS, ids=str)
@pytest.mark.parametrize("key", [Key(0), Key(6), Key(9, True), Key(3, True)], ids=lambda key: key.name)
def test_whatever_is_drawn_is_a_sound_song(meter, key):
    from model.music.controls import sounding_shift

    for seed in range(3):
        plan = Plan((meter,) * 5, sounding_shift(key), key.minor)
        bars = walk(plan, seed)
        score = decode(bars, plan.meters, key, 90.0)
        assert problems(score, bars=5, meter=meter) == []


def test_without_a_cadence_the_end_is_open():
    plan = Plan((METERS[2],) * 4, 0, False, cadence=False)
    scores = [decode(walk(plan, seed), plan.meters, Key(0), 90.0) for seed in range(12)]
    assert all(problems(score, bars=4, cadence=False) == [] for score in scores)
    assert not all(ends_on_tonic(score) for score in scores)


def test_without_a_voice_nobody_sings():
    plan = Plan((METERS[1],) * 6, 0, False, voice=False)
    score = decode(walk(plan, 1), plan.meters, Key(0), 90.0)
    assert {note.staff for note in score.notes} == {Staff.RIGHT, Staff.LEFT}


def test_bars_are_counted_down():
    v = VOCABULARY
    plan = Plan((METERS[2],) * 3, 0, False, to_end=1, cadence=False)
    state = State()
    grammar = Grammar(plan)
    assert np.flatnonzero(grammar.allowed(state)).tolist() == [v.bar_token(4)]
