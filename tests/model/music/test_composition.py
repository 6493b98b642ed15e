import pytest

from model.errors import AdaptationCanceled
from model.music.adaptation import adapt
from model.music.checks import problems
from model.music.composition import Composer
from model.music.controls import Controls, Mood, settle
from model.music.errors import ControlsError
from model.music.limits import parse_key
from model.music.score import Meter, Staff
from model.music.style import Profile
from tests.model.music.conftest import make_song


@pytest.fixture(scope="module")
def style(base):
    return adapt(base, [make_song(1), make_song(2)], steps=1)


def compose(base, style, **controls):
    return list(Composer(base).compose(style, Controls(**controls)))


def test_key_tempo_meter_and_length_are_what_was_asked(base, style):
    (made,) = compose(base, style, bars=5, key="Eb minor", tempo=72, meter="6/8", seed=3)
    assert made.score.key.name == "Eb minor"
    assert made.score.tempo == 72
    assert problems(made.score, bars=5, meter=Meter(6, 8)) == []


def test_a_seed_gives_the_same_notes_and_another_gives_others(base, style):
    first, second = compose(base, style, bars=4, seed=1, count=2)
    (again,) = compose(base, style, bars=4, seed=2)
    assert second.score == again.score
    assert first.score.notes != second.score.notes


def test_a_primer_goes_on_and_only_the_new_part_is_returned(base, style):
    primer = make_song(9, bars=4)
    (made,) = compose(base, style, bars=3, primer=primer, seed=1)
    assert problems(made.score, bars=3) == []
    assert made.whole.bars[:4] == primer.bars
    assert len(made.whole.bars) == 7
    assert [n for n in made.whole.notes if n.onset < primer.ticks] == list(primer.notes)


def test_infill_leaves_the_other_bars_as_they_are(base, style):
    primer = make_song(9, bars=8)
    (made,) = compose(base, style, primer=primer, infill=(3, 5), seed=1)
    assert len(made.score.bars) == 3
    start, end = primer.bars[2].onset, primer.bars[5].onset

    def outside(notes):
        return [note for note in notes if not start <= note.onset < end]

    assert outside(made.whole.notes) == outside(primer.notes)
    assert made.whole.bars == primer.bars
    assert made.whole.notes != primer.notes


def test_progress_counts_bars_of_all_compositions(base, style):
    seen = []
    list(Composer(base).compose(style, Controls(bars=3, count=2), on_progress=lambda *at: seen.append(at)))
    assert [done for done, _ in seen] == sorted({1, 2, 3, 4, 5, 6})
    assert {of for _, of in seen} == {6}


def test_cancelling_ends_it_between_bars(base, style):
    seen = []
    composing = Composer(base).compose(
        style,
        Controls(bars=8),
        on_progress=lambda done, of: seen.append(done),
        should_stop=lambda: len(seen) >= 2,
    )
    with pytest.raises(AdaptationCanceled):
        next(composing)
    assert seen == [1, 2]


def test_without_a_voice_the_piano_is_alone(base, style):
    (made,) = compose(base, style, bars=4, voice=False)
    assert Staff.VOICE not in {note.staff for note in made.score.notes}


PROFILE = Profile(minor=False, tempo=100.0, meter=Meter(3, 4), density=5.5, register=1, tonic=7, voice=True)


def test_where_nothing_is_asked_it_is_as_in_the_examples():
    settled = settle(Controls(), PROFILE)
    assert (settled.key.name, settled.tempo, str(settled.meter)) == ("G major", 100.0, "3/4")
    assert settled.moved == {}


def test_a_sad_calm_mood_moves_mode_tempo_density_and_register():
    settled = settle(Controls(mood=Mood(-0.8, -0.8)), PROFILE)
    assert settled.key.name == "E minor"
    assert settled.tempo < 80
    assert settled.traits.density == 0
    assert settled.traits.register == 0
    assert set(settled.moved) == {"mode", "tempo", "density", "register"}


def test_a_mood_does_not_move_what_is_asked_for():
    settled = settle(Controls(mood=Mood(-1, 1), mode="major", tempo=90, density=1), PROFILE)
    assert (settled.key.minor, settled.tempo, settled.traits.density) == (False, 90.0, 1)
    assert "mode" not in settled.moved
    assert "tempo" not in settled.moved


@pytest.mark.parametrize(
    ("text", "tonic", "minor"),
    [("C", 0, None), ("f#", 6, True), ("Eb minor", 3, True), ("B♭ major", 10, False), ("Cb", 11, None)],
)
def test_keys_are_understood(text, tonic, minor):
    assert parse_key(text) == (tonic, minor)


@pytest.mark.parametrize(
    "controls",
    [
        {"key": "H"},
        {"key": "C minor", "mode": "major"},
        {"mode": "dorian"},
        {"meter": "7/8"},
        {"bars": 1},
        {"bars": 65},
        {"tempo": 10},
        {"density": 5},
        {"top_p": 0},
        {"temperature": 0},
        {"count": 9},
        {"max_copied": 4},
        {"infill": (1, 2)},
        {"primer": make_song(1, bars=4), "infill": (3, 9)},
        {"primer": make_song(1, bars=4), "key": "C"},
    ],
)
def test_what_cannot_be_is_refused(controls):
    with pytest.raises(ControlsError):
        settle(Controls(**controls), PROFILE)


def test_a_mood_out_of_range_is_refused():
    with pytest.raises(ControlsError):
        Mood(2, 0)
