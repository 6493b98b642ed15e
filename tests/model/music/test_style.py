import pytest
import torch
from safetensors.torch import save

from model.errors import AdaptationCanceled, StyleBaseMismatchError, StyleFormatError
from model.formats import METADATA_KEY, StyleHeader, read_style_header
from model.music.adaptation import adapt
from model.music.encoding import encode
from model.music.errors import ControlsError, EmptyWorkError, WorkTooLargeError
from model.music.originality import OriginalityIndex
from model.music.style import MusicStyle, blend_music_styles
from tests.model.music.conftest import make_song


def shapes(base):
    return {name: value.shape for name, value in base.phi.items()}


def nearest(style, song):
    found = OriginalityIndex(style.index, style.works).compare(encode(song)).nearest
    return found.work if found else None


@pytest.fixture(scope="module")
def style(base):
    return adapt(base, [make_song(1), make_song(2, title="Second")], steps=2)


def test_a_style_file_holds_what_was_learned(base, style):
    read = MusicStyle.from_bytes(style.to_bytes(), base_hash=base.hash, shapes=shapes(base))
    assert read.profile == style.profile
    assert read.works == ("A song", "Second")
    assert read.header.modality == "music"
    for name, value in style.phi.items():
        torch.testing.assert_close(read.phi[name], value, atol=1e-3, rtol=1e-3)
    assert nearest(read, make_song(2)) == "Second"


def test_learning_moves_phi_and_says_how_it_goes(base, style):
    seen = []
    again = adapt(base, [make_song(1), make_song(2)], steps=2, on_progress=lambda *at: seen.append(at))
    assert [(step, of) for step, of, _ in seen] == [(0, 2), (1, 2), (2, 2)]
    assert all(torch.equal(again.phi[name], value) for name, value in style.phi.items())
    assert not torch.equal(again.phi["bias"], base.phi["bias"])


def test_learning_lowers_the_loss_on_its_examples(base):
    losses: list[float] = []
    adapt(base, [make_song(1)], steps=12, on_progress=lambda step, of, loss: losses.append(loss or 0.0))
    assert losses[-1] < losses[1] - 0.1


def test_learning_can_be_cancelled(base):
    with pytest.raises(AdaptationCanceled):
        adapt(base, [make_song(1)], steps=4, should_stop=lambda: True)


def test_no_works_and_too_many_are_refused(base):
    with pytest.raises(EmptyWorkError):
        adapt(base, [])
    with pytest.raises(WorkTooLargeError):
        adapt(base, [make_song(1)] * 17)


def test_a_style_of_another_checkpoint_is_refused(base, style):
    with pytest.raises(StyleBaseMismatchError):
        MusicStyle.from_bytes(style.to_bytes(), base_hash="0" * 64, shapes=shapes(base))


def test_a_style_of_pictures_is_refused_with_a_word_about_it(base):
    header = StyleHeader(base_hash=base.hash, k=1, steps=1, seed=0)
    data = save({"a": torch.zeros(1)}, metadata={METADATA_KEY: header.to_json()})
    assert read_style_header(data).modality == "image"
    with pytest.raises(StyleFormatError, match="image examples"):
        MusicStyle.from_bytes(data, base_hash=base.hash, shapes=shapes(base))


def test_damaged_styles_are_refused(base, style):
    data = style.to_bytes()
    for broken in (b"", data[:50], data[:-40], data.replace(b'"beats', b'"beets', 1)):
        with pytest.raises(StyleFormatError):
            MusicStyle.from_bytes(broken, base_hash=base.hash, shapes=shapes(base))


def test_a_blend_lies_between_and_remembers_all_examples(base, style):
    other = adapt(base, [make_song(3, title="Third")], steps=2, seed=4)
    blend = blend_music_styles([(style, 1.0), (other, 3.0)])
    torch.testing.assert_close(blend.phi["bias"], 0.25 * style.phi["bias"] + 0.75 * other.phi["bias"])
    assert blend.works == ("A song", "Second", "Third")
    assert [nearest(blend, make_song(n)) for n in (2, 3)] == ["Second", "Third"]
    with pytest.raises(ControlsError):
        blend_music_styles([(style, 0.0)])
