from dataclasses import replace

import numpy as np
import pytest

from model.music.adaptation import adapt
from model.music.composition import Composer
from model.music.controls import Controls
from model.music.encoding import EncodedSong, encode
from model.music.originality import GRAM, OriginalityIndex, build_index, human_baseline, lines_of
from model.music.score import Key, Staff, joined
from model.music.works import Work
from tests.model.music.conftest import make_song, make_works


def index_of(*scores):
    works = [Work("X", str(i), str(i), score.title, encode(score)) for i, score in enumerate(scores)]
    return OriginalityIndex(*build_index(works))


def test_a_song_finds_itself_whole_whatever_its_key():
    song = make_song(1, bars=16)
    shared = index_of(make_song(2), song).compare(encode(song.transposed(3)))
    voice = next(line for line in lines_of(encode(song)) if line.staff is Staff.VOICE)
    assert shared.longest == len(voice.events)
    assert shared.share == pytest.approx(1.0)
    assert shared.nearest.bars == shared.nearest.own_bars == (1, 16)


def test_a_planted_passage_is_found_with_its_bars():
    stranger, source = make_song(3, bars=10), make_song(4, bars=12, title="Source")
    song = joined([stranger, source.excerpt(4, 8)])
    alone = index_of(source).compare(encode(stranger))
    shared = index_of(source).compare(encode(song))
    assert alone.longest < shared.longest
    assert shared.nearest.work.endswith("Source")
    assert 5 <= shared.nearest.bars[0] <= shared.nearest.bars[1] <= 8
    assert 11 <= shared.nearest.own_bars[0] <= shared.nearest.own_bars[1] <= 14


def test_a_repeated_chord_belongs_to_nobody():
    song = make_song(5)
    drone = replace(song, notes=tuple(replace(n, pitch=60) for n in song.notes if n.staff is Staff.RIGHT))
    shared = index_of(drone).compare(encode(drone))
    assert (shared.longest, shared.share, shared.nearest) == (0, 0.0, None)


def test_works_left_out_do_not_count():
    song = make_song(6)
    index = index_of(song)
    assert index.compare(encode(song), leave_out=frozenset({0})).longest == 0


def test_the_human_baseline_leaves_a_composers_own_works_out():
    works = make_works(("Ann",))
    index = OriginalityIndex(*build_index([*works, *works]))
    assert human_baseline([*works, *works], index, bars=8)["longest_95"] == 0
    others = [replace(work, composer="Ben") for work in works]
    index = OriginalityIndex(*build_index([*works, *others]))
    assert human_baseline([*works, *others], index, bars=8)["longest_95"] > GRAM


def test_no_composition_shares_more_than_the_bound(base):
    style = adapt(base, [make_song(7)], steps=0)
    composer = Composer(base)
    free = next(composer.compose(style, Controls(bars=6, seed=5, max_copied=1000)))
    song = encode(free.score)
    composer.training = OriginalityIndex(
        *build_index([Work("X", "", "", "found again", EncodedSong(song.traits, song.meters, song.bars))])
    )
    again = next(composer.compose(style, Controls(bars=6, seed=5, max_copied=1000)))
    assert again.score.notes == free.score.notes
    assert again.report.training.longest > 12
    bound = next(composer.compose(style, Controls(bars=6, seed=5, max_copied=12)))
    assert bound.report.training.longest <= 12
    assert bound.score.notes != free.score.notes


def test_without_a_bound_of_its_own_a_composition_keeps_below_what_works_share(base):
    composer = Composer(base)
    assert composer.max_copied(Controls()) == 11
    assert composer.max_copied(Controls(max_copied=20)) == 20


def test_an_empty_song_shares_nothing():
    song = encode(make_song(8, key=Key(0)))
    empty = EncodedSong(song.traits, song.meters, tuple(() for _ in song.bars))
    assert index_of(make_song(8)).compare(empty).share == 0
    assert np.isfinite(index_of(make_song(8)).compare(empty).longest)
