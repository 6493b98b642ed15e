import pytest

from model.music.notation import bars_of, spell
from model.music.score import Bar, Key, Meter, Note, Score, Staff


def score(*notes, meter=Meter(4, 4), bars=1):  # noqa: B008
    made = tuple(sorted(Note(onset, Staff.VOICE, 60, length) for onset, length in notes))
    return Score(made, tuple(Bar(i * meter.ticks, meter) for i in range(bars)), Key(0))


def written(made):
    return [
        (s.kind, s.dots, bool(s.pitches), s.tied_to) for bar in bars_of(made, Staff.VOICE) for s in bar[0]
    ]


def test_an_empty_bar_is_a_rest():
    (symbol,) = bars_of(score(), Staff.VOICE)[0][0]
    assert symbol.whole_bar
    assert symbol.ticks == 96


def test_gaps_are_filled_with_rests():
    assert written(score((24, 24))) == [
        ("quarter", 0, False, False),
        ("quarter", 0, True, False),
        ("half", 0, False, False),
    ]


def test_a_note_over_a_bar_line_is_tied():
    assert written(score((72, 48), bars=2)) == [
        ("half", 1, False, False),
        ("quarter", 0, True, True),
        ("quarter", 0, True, False),
        ("half", 0, False, False),
        ("quarter", 0, False, False),
    ]


def test_triplets_are_one_group():
    symbols = bars_of(score((0, 8), (8, 8), (16, 8), (24, 24), (48, 48)), Staff.VOICE)[0][0]
    assert [s.tuplet for s in symbols] == [(3, 2)] * 3 + [None] * 2
    assert [s.tuplet_edge for s in symbols] == ["start", "", "stop", "", ""]
    assert [s.kind for s in symbols[:3]] == ["eighth"] * 3


def test_sixteenth_triplets_are_a_sextuplet():
    symbols = bars_of(score((0, 12), (12, 4), (16, 4), (20, 4), (24, 72)), Staff.VOICE)[0][0]
    assert [(s.kind, s.dots, s.tuplet) for s in symbols[:4]] == [
        ("eighth", 1, (6, 4)), ("16th", 0, (6, 4)), ("16th", 0, (6, 4)), ("16th", 0, (6, 4)),
    ]  # fmt: skip


def test_eighths_are_beamed_by_the_beat():
    symbols = bars_of(score(*((at, 12) for at in range(0, 72, 12)), meter=Meter(6, 8)), Staff.VOICE)[0][0]
    assert [s.beams for s in symbols] == [["begin"], ["continue"], ["end"]] * 2


@pytest.mark.parametrize("step", range(3, 96, 3))
@pytest.mark.parametrize("meter", [Meter(4, 4), Meter(3, 4), Meter(12, 8), Meter(2, 2)], ids=str)
def test_every_bar_is_full(step, meter):
    made = score((step, max(3, step // 2 // 3 * 3)), meter=meter, bars=3)
    for bar in bars_of(made, Staff.VOICE):
        for layer in bar:
            assert sum(symbol.ticks for symbol in layer) == meter.ticks
            assert all(symbol.kind for symbol in layer)


@pytest.mark.parametrize(
    ("pitch", "key", "name"),
    [
        (61, Key(2), ("C", 1, 4)), (61, Key(8), ("D", -1, 4)), (68, Key(9, True), ("G", 1, 4)),
        (71, Key(0, True), ("B", 0, 4)), (60, Key(1, False), ("C", 0, 4)),
        (70, Key(11, True), ("A", 1, 4)), (59, Key(6), ("C", -1, 4)),
        (65, Key(6), ("F", 0, 4)), (65, Key(11), ("E", 1, 4)),
    ],
)  # fmt: skip
def test_pitches_are_spelled_by_the_key(pitch, key, name):
    assert spell(pitch, key) == name


def test_an_accidental_holds_for_the_bar():
    notes = [Note(at, Staff.VOICE, 61, 24) for at in (0, 24, 96)]
    made = Score(tuple(notes), (Bar(0, Meter(4, 4)), Bar(96, Meter(4, 4))), Key(0))
    signs = [s.accidentals for bar in bars_of(made, Staff.VOICE) for s in bar[0] if s.pitches]
    assert signs == [{61: "sharp"}, {}, {61: "sharp"}]
