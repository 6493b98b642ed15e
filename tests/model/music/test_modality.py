"""Music as a worker sees it: stored notes, adaptation, blends, compositions in their forms."""

import json

import pytest

from model.errors import AdaptationCanceled, StyleFormatError
from model.modality import Generation, Learning
from model.music import modality as music
from model.music.errors import AudioUnavailableError, ControlsError, DamagedWorkError
from model.music.modality import MusicModality
from model.music.notes_json import score_to_dict
from model.music.score import Key, Meter
from tests.model.music.conftest import make_song


@pytest.fixture(scope="module")
def modality(base):
    return MusicModality(base)


@pytest.fixture(scope="module")
def style(modality):
    (style,) = modality.adapt_many([Learning([make_song(1), make_song(2)])], steps=1)
    return style


def stored(score):
    return json.dumps(score_to_dict(score)).encode()


@pytest.mark.parametrize(("key", "meter"), [(Key(2), Meter(4, 4)), (Key(10, True), Meter(6, 8))])
def test_a_stored_work_is_the_work(modality, key, meter):
    song = make_song(4, key=key, meter=meter)
    assert modality.read_example(stored(song)) == song


@pytest.mark.parametrize("data", [b"", b"{}", b'{"bars": [], "notes": []}', b"[1]", b'{"bars": 1}'])
def test_what_is_no_stored_work_is_refused(modality, data):
    with pytest.raises(DamagedWorkError):
        modality.read_example(data)


def test_what_one_is_stopped_the_others_go_on(modality):
    steps = []
    requests = [
        Learning([make_song(1)], should_stop=lambda: True),
        Learning([make_song(2)], on_progress=lambda progress: steps.append((progress.step, progress.losses))),
    ]
    stopped, style = modality.adapt_many(requests, steps=2)
    assert isinstance(stopped, AdaptationCanceled)
    assert [step for step, _ in steps] == [0, 1, 2]
    assert steps[0][1] == {}
    assert steps[2][1].keys() == {"nats"}
    assert style.header.modality == "music"
    assert modality.read_style(style.to_bytes()).header == style.header
    with pytest.raises(StyleFormatError):
        modality.read_style(b"no style")


def generate(modality, style, **options):
    asked = {"bars": 2, "seed": 1, "count": 1, **options}
    return list(modality.generate(Generation(style, asked)))


def test_every_form_that_can_be_written_is(modality, style, monkeypatch):
    def silent(score, form):
        if form == "opus":
            raise AudioUnavailableError("There is no SoundFont.")
        return form.encode()

    monkeypatch.setattr(music, "export", silent)
    (piece,) = generate(modality, style)
    assert [file.form for file in piece.files] == ["mid", "musicxml", "mxl", "svg", "pdf", "png", "json"]
    with pytest.raises(AudioUnavailableError):
        generate(modality, style, forms=["opus"])


def test_the_mood_says_what_it_moved_and_a_bad_wish_is_refused(modality, style):
    (piece,) = generate(modality, style, valence=-1.0, arousal=0.9, forms=["mid"])
    assert piece.about["moved_by_mood"]["mode"] == "minor"
    with pytest.raises(ControlsError):
        generate(modality, style, key="H")
