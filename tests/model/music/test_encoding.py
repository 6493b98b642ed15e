import pytest

from model.music.encoding import decode, encode, group_notes, limit_layers, neutral_shift, traits_of
from model.music.score import Key, Meter, Note, Staff
from model.music.vocabulary import VOCABULARY
from model.music.windows import features, stack, whole_windows
from tests.model.music.conftest import make_song


@pytest.mark.parametrize("tonic", range(12))
def test_tokens_give_the_song_back(tonic):
    song = make_song(tonic, key=Key(tonic))
    encoded = encode(song)
    assert decode(encoded.bars, encoded.meters, song.key, song.tempo).notes == song.notes


def test_a_song_in_another_key_has_the_same_tokens():
    there = encode(make_song(1, key=Key(3)))
    assert encode(make_song(1, key=Key(1))).bars == there.bars


def test_the_neutral_key_is_at_most_half_an_octave_away():
    assert [neutral_shift(Key(tonic)) for tonic in range(12)] == [0, -1, -2, -3, -4, -5, -6, 5, 4, 3, 2, 1]


def test_a_third_rhythm_on_a_staff_ends_the_oldest():
    notes = [Note(at, Staff.RIGHT, 60 + at, 96) for at in (0, 12, 24)]
    kept = limit_layers(group_notes(notes))
    assert [(group.onset, group.duration) for group in kept] == [(0, 24), (12, 96), (24, 96)]


def test_traits_do_not_depend_on_the_key():
    assert traits_of(make_song(2, key=Key(4))) == traits_of(make_song(2, key=Key(0)))


def test_every_token_is_predicted_once_over_the_windows_of_a_song():
    song = encode(make_song(4, bars=20, meter=Meter(3, 4)))
    batch = stack(whole_windows(song, 120), 120)
    predicted = batch.targets[batch.targets >= 0].tolist()
    pitches = [token for bar in song.bars for token in bar if VOCABULARY.is_pitch(token)]
    assert [token for token in predicted if VOCABULARY.is_pitch(token)] == pitches


def test_features_follow_place_and_staff():
    v = VOCABULARY
    group = v.group_token(Staff.LEFT, 24)
    meter = v.meter_token(Meter(3, 4))
    rows = features([v.BAR, meter, v.position_token(24), group, v.pitch_token(48), v.position_token(48)])
    place = v.positions.index(24)
    assert rows[:, 1].tolist() == [0, 0, place, place, place, v.positions.index(48)]
    assert rows[:, 2].tolist() == [0, 0, 0, 3, 3, 0]
    assert rows[:, 3].tolist() == [0] + [1 + meter - v.METER] * 5
