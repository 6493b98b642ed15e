import csv

import pytest
import torch

from model.errors import AdaptationCanceled, CheckpointFormatError, StyleBaseMismatchError, StyleFormatError
from model.sequence.network import expand_phi
from model.sequence.objective import SequenceLoss
from model.text.errors import EmptyTextError, WritingError, WritingFailedError
from model.text.poems.adaptation import adapt, support_batches
from model.text.poems.alphabet import Alphabet, make_alphabet
from model.text.poems.checkpoint import joined, load_poems, searchable
from model.text.poems.checks import faults
from model.text.poems.encoding import LONGEST_BODY, EncodedPoem, encode, stack
from model.text.poems.forms import FORMS, form_named, regulated, tunes_of
from model.text.poems.poem import Poem, layout_of, read_poems
from model.text.poems.style import PoemStyle, blend_poem_styles
from model.text.poems.training import PoemsTraining, human_baseline
from model.text.poems.works import KEPT_APART, part_of, read_poets
from model.text.poems.writing import PoemRequest, PoemWriter
from tests.model.text.conftest import BOOK, make_config, make_poem, make_poets

QUATRAIN = Poem("", ("白日依山盡", "黃河入海流", "欲窮千里目", "更上一層樓"), (False, True, False, True))


@pytest.fixture(scope="module")
def style(poems_base):
    return adapt(poems_base, [make_poem(i) for i in range(4)], steps=2)


def shapes(base):
    return {name: value.shape for name, value in base.phi.items()}


@pytest.mark.parametrize("form", ["wujue", "qijue", "wulu", "qilu"])
def test_every_poem_keeps_to_its_form(poems_base, style, form):
    made = list(PoemWriter(poems_base).write(style, PoemRequest(form=form, count=4, script="traditional")))
    assert len(made) == 4
    for result in made:
        assert faults(result.poem, result.form, poems_base.alphabet) == []
        assert layout_of(result.poem) == regulated(form).layout


def test_a_real_quatrain_has_no_faults_and_a_broken_one_has():
    sounds = {
        "下平聲十一尤": "流樓秋州", "下平聲八庚": "明生", "上平聲十五刪": "山", "入聲四質": "日一",
        "入聲十一陌": "白", "上聲十一軫": "盡",
        "下平聲七陽": "黃", "下平聲五歌": "河", "入聲十四緝": "入", "上聲十賄": "海",
        "入聲二沃": "欲", "上平聲一東": "窮", "下平聲一先": "千", "上聲四紙": "里", "入聲一屋": "目",
        "去聲二十四敬": "更", "去聲二十三漾": "上", "下平聲十蒸": "層", "上平聲五微": "依",
    }  # fmt: skip
    alphabet = make_alphabet([*QUATRAIN.lines, *sounds.values()], sounds, 100)
    form = regulated("wujue")
    assert faults(QUATRAIN, form, alphabet) == []
    other = Poem("", (*QUATRAIN.lines[:3], "更上一層生"), QUATRAIN.stops)
    assert any("rhyme" in fault for fault in faults(other, form, alphabet))
    twice = Poem("", (*QUATRAIN.lines[:3], "更上一層流"), QUATRAIN.stops)
    assert any("twice" in fault for fault in faults(twice, form, alphabet))
    crooked = Poem("", ("白一依山盡", "日白入海流", *QUATRAIN.lines[2:]), QUATRAIN.stops)
    assert any("is not level" in fault for fault in faults(crooked, form, alphabet))
    assert "lines" in faults(Poem("", QUATRAIN.lines[:2], QUATRAIN.stops[:2]), form, alphabet)[0]


def test_the_same_seed_writes_the_same_poem_and_another_another(poems_base, style):
    def write(seed):
        return [made.text for made in PoemWriter(poems_base).write(style, PoemRequest(seed=seed, count=2))]

    first = write(3)
    assert write(3) == first
    assert write(4)[0] == first[1]
    assert first[0] != first[1]


def test_no_run_is_longer_than_asked_for(poems_base, style):
    for made in PoemWriter(poems_base).write(style, PoemRequest(form="qilu", count=3, max_copied=3)):
        assert max(made.report.examples.longest, made.report.training.longest) <= 3


def test_a_copied_line_is_named_with_its_passage(poems_base, style):
    writer = PoemWriter(poems_base)
    known = poems_base.alphabet.text(int(n) for n in poems_base.known.tokens[:5])
    shared = writer.training.compare(poems_base.alphabet.numbers(known))
    assert shared.longest == 5
    assert shared.place is not None
    assert writer._passage(writer.training, shared.place, 5).startswith(known)
    assert writer._author(writer.training.text_at(shared.place)) == "丙"


def test_characters_to_avoid_do_not_occur_in_either_script(poems_base, style):
    avoid = "东阳香"
    for made in PoemWriter(poems_base).write(style, PoemRequest(count=6, avoid=avoid, script="traditional")):
        assert not set(made.poem.text) & set("東陽香")


def test_what_cannot_be_written_fails_with_a_sentence(poems_base, style):
    everything = BOOK["上平聲一東"] + BOOK["下平聲七陽"]
    with pytest.raises(WritingFailedError, match="avoid fewer"):
        list(PoemWriter(poems_base).write(style, PoemRequest(avoid=everything)))


def test_the_script_is_that_of_the_examples_unless_asked_for(poems_base):
    simplified = adapt(poems_base, [make_poem(1)], simplified=True, steps=0)
    writer = PoemWriter(poems_base)
    (own,) = writer.write(simplified, PoemRequest(form="qilu"))
    (asked,) = writer.write(simplified, PoemRequest(form="qilu", script="traditional"))
    assert own.text != asked.text
    assert own.poem.title == asked.poem.title == ""


def test_progress_counts_characters_and_writing_can_be_cancelled(poems_base, style):
    seen = []
    writer = PoemWriter(poems_base)
    list(writer.write(style, PoemRequest(count=2), on_progress=lambda done, of: seen.append((done, of))))
    assert seen[-1] == (40, 40)
    assert [done for done, _ in seen] == list(range(1, 41))
    with pytest.raises(AdaptationCanceled):
        list(writer.write(style, PoemRequest(), should_stop=lambda: True))


@pytest.mark.parametrize(
    "changes",
    [
        {"form": "sonnet"}, {"count": 0}, {"count": 17}, {"temperature": 3.0}, {"max_copied": 9},
        {"title": "一" * 11}, {"top_p": 0.0}, {"form": "ci", "title": "無此調"},
    ],
)  # fmt: skip
def test_requests_that_cannot_be_met_say_so(poems_base, style, changes):
    with pytest.raises(WritingError):
        list(PoemWriter(poems_base).write(style, PoemRequest(**changes)))


def test_forms_have_chinese_names_and_take_their_length_from_the_examples():
    seven = [make_poem(0, length=7)]
    assert form_named("絕句", seven, {}, None).name == form_named("jueju", seven, {}, None).name == "qijue"
    assert form_named("五律", [], {}, None).name == "wulu"
    assert {"jueju", "lushi", "ci"} < set(FORMS)


def test_a_ci_follows_its_tune():
    layout = ((7, True), (7, True), (3, False), (3, True))
    ci = [
        Poem("某調", ("一" * 7, "二" * 7, "三" * 3, "四" * 3), tuple(s for _, s in layout)) for _ in range(8)
    ]
    tunes = tunes_of(ci)
    assert tunes == {"某調": layout}
    assert form_named("詞", [], tunes, "某調").layout == layout
    assert form_named("ci", [], tunes, None).layout == layout


def test_learning_lowers_the_loss_on_the_examples(poems_base):
    poems = [make_poem(i) for i in range(3)]
    seen = []
    style = adapt(poems_base, poems, steps=6, on_progress=lambda *now: seen.append(now))
    loss = SequenceLoss(poems_base.network)
    batch = support_batches([encode(p, "shi", poems_base.alphabet) for p in poems], poems_base.alphabet, 9)(0)
    before, after = (float(loss(expand_phi(phi, 1), batch)) for phi in (poems_base.phi, style.phi))
    assert after < before
    assert [step for step, _, _ in seen] == list(range(7))
    with pytest.raises(AdaptationCanceled):
        adapt(poems_base, poems, should_stop=lambda: True)
    with pytest.raises(EmptyTextError):
        adapt(poems_base, [make_poem(0, lines=2)])


def test_a_style_file_is_read_back_and_refused_elsewhere(poems_base, style):
    data = style.to_bytes()
    read = PoemStyle.from_bytes(data, base_hash=poems_base.hash, shapes=shapes(poems_base))
    assert read.poems == style.poems
    assert read.description == style.description
    for name, value in style.phi.items():
        torch.testing.assert_close(read.phi[name], value, atol=1e-3, rtol=1e-3)
    with pytest.raises(StyleBaseMismatchError):
        PoemStyle.from_bytes(data, base_hash="0" * 64, shapes=shapes(poems_base))
    for cut in (b"", data[:50], data[: len(data) // 2], b"x" * 100):
        with pytest.raises(StyleFormatError):
            PoemStyle.from_bytes(cut, base_hash=poems_base.hash, shapes=shapes(poems_base))
    wrong = {**shapes(poems_base), "bias": torch.Size([3])}
    with pytest.raises(StyleFormatError):
        PoemStyle.from_bytes(data, base_hash=poems_base.hash, shapes=wrong)


def test_a_blend_lies_between_its_styles(poems_base, style):
    other = adapt(poems_base, [make_poem(99)], steps=3)
    blend = blend_poem_styles([(style, 3.0), (other, 1.0)])
    expected = 0.75 * style.phi["bias"] + 0.25 * other.phi["bias"]
    torch.testing.assert_close(blend.phi["bias"], expected)
    assert blend.poems == style.poems + other.poems
    with pytest.raises(WritingError):
        blend_poem_styles([(style, 0.0)])


def test_the_description_names_favourite_characters(poems_base):
    poems = [Poem("", ("菊香霜谷鹿", "菊陽弓木屋"), (False, True))] * 3
    style = adapt(poems_base, poems, steps=0)
    assert "菊" in style.description["favourites"]
    assert style.description["poems"] == 3


def test_variants_are_read_as_the_character_that_the_book_knows():
    alphabet = make_alphabet(["黄河黃爲"], {"下平聲七陽": "黃", "上平聲四支": "為"}, 10)
    assert alphabet.numbers("黄") == alphabet.numbers("黃")
    assert alphabet.text(alphabet.numbers("爲")) == "為"
    assert alphabet.text(alphabet.numbers("鑫")) == "□"
    again = Alphabet.from_dict(alphabet.to_dict())
    assert again.numbers("黄河爲") == alphabet.numbers("黄河爲")


def test_a_batch_tells_the_place_of_the_next_character_and_predicts_every_one(poems_base):
    poem = encode(QUATRAIN, "shi", poems_base.alphabet)
    alphabet = poems_base.alphabet
    batch = stack([encode(make_poem(0), "shi", alphabet)], alphabet)
    title = 2
    assert batch.inputs.shape == (1, title + 20, 5)
    assert batch.targets[0, :title].tolist() == [-1] * title
    assert batch.inputs[0, title:, 1].tolist() == [1, 2, 3, 4, 5] * 4
    assert batch.inputs[0, title, 2:].tolist() == [5, 4, 2]
    assert len(stack([poem], alphabet).targets[0]) == 20


def test_long_poems_are_cut_at_a_line():
    alphabet = make_alphabet(["".join(BOOK.values())], BOOK, 200)
    poem = encode(make_poem(0, lines=40), "shi", alphabet)
    assert (stack([poem], alphabet).targets >= 0).sum() == LONGEST_BODY // 5 * 5


def test_training_writes_a_checkpoint_and_goes_on_where_it_stood(tmp_path):
    first = PoemsTraining(make_config(tmp_path), make_poets(), BOOK)
    first.train()
    assert first.joint_steps > 0
    assert first.outer.steps_done > 0
    saved = load_poems(tmp_path / "run" / "poems.safetensors")
    assert saved.header["card"]["poets"] == 3
    assert saved.header["poets"] == [["丙", 6], ["乙", 6], ["甲", 6]]
    again = PoemsTraining(make_config(tmp_path), make_poets(), BOOK)
    assert again.joint_steps == first.joint_steps
    for name, value in first.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], value)
    with (tmp_path / "run" / "log.csv").open() as file:
        assert {row[3] for row in csv.reader(file)} == {"joint", "query 0", "query 2"}


def test_poets_that_are_kept_apart_are_not_trained_on(tmp_path):
    known = [f"tangshi_{KEPT_APART[0]}", "tangshi_甲"]
    training = PoemsTraining(make_config(tmp_path), make_poets(("甲", "乙", KEPT_APART[0])), BOOK)
    assert training.names == sorted(["tangshi_甲", "tangshi_乙"])
    assert part_of(known[0]) == "held out"
    assert part_of("songci_姚述尧2") == part_of("songshi_姚述堯")


def test_poets_are_read_from_folders(tmp_path):
    for name, text in (
        ("tangshi_甲", "白日依山盡，黃河入海流。\n"),
        ("songci_乙", "明月几时有，把酒问青天。\n"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "poems.txt").write_text(text, encoding="utf-8")
    ci, shi = read_poets(tmp_path)
    assert (ci.kind, shi.kind) == ("ci", "shi")
    assert ci.poems[0].lines[1] == "把酒問青天"


def test_a_damaged_checkpoint_is_named(tmp_path, poems_checkpoint):
    path = tmp_path / "cut.safetensors"
    path.write_bytes(poems_checkpoint.read_bytes()[:5000])
    with pytest.raises(CheckpointFormatError, match="no checkpoint of poems"):
        load_poems(path)


def test_lines_keep_their_marks_when_written():
    text = "《秋》\n白日依山盡，黃河入海流。\n欲窮千里目，更上一層樓。"
    (poem,) = read_poems(text)
    assert poem.written() == text


def test_what_usually_follows_sums_to_one_and_leaves_out_the_poem_itself(poems_base):
    alphabet, bigrams = poems_base.alphabet, poems_base.network.bigrams
    chances = bigrams.logs.float()[:, 1 : alphabet.size].exp().sum(1)
    torch.testing.assert_close(chances, torch.ones_like(chances), atol=0.02, rtol=0.02)
    batch = stack([encode(make_poem("甲 0"), "shi", alphabet)], alphabet)
    less = bigrams.without_itself(batch.inputs, batch.targets)
    assert (less <= 0).all()
    assert (less[batch.targets > 0] < 0).any()
    assert (less[batch.targets < 0] == 0).all()
    known = bigrams.after(batch.inputs).gather(-1, batch.targets.clamp(min=0)[..., None])[..., 0]
    fresh = stack([encode(make_poem("another"), "shi", alphabet)], alphabet)
    other = bigrams.after(fresh.inputs).gather(-1, fresh.targets.clamp(min=0)[..., None])[..., 0]
    assert known[batch.targets > 0].mean() > other[fresh.targets > 0].mean()


def test_an_untrained_network_writes_by_pairs(poems_base):
    assert poems_base.network.bigrams is not None
    inputs = stack([encode(make_poem(0), "shi", poems_base.alphabet)], poems_base.alphabet).inputs
    usual = poems_base.network.bigrams.after(inputs)
    logits = poems_base.network(inputs, expand_phi(poems_base.phi, 1))
    assert (logits - usual).abs().max() < 1.0


def test_an_unknown_character_ends_no_poem():
    """It is 0 to the network, and once counted as the end: every passage then named another poet."""
    first = EncodedPoem("shi", (), (5, 0, 6, 7), ((2, False), (2, True)))
    second = EncodedPoem("shi", (), (8, 9, 10, 11), ((2, False), (2, True)))
    index = searchable(joined([first, second]))
    assert list(index.starts) == [0, 5]
    place = index.compare([8, 9, 10, 11]).place
    assert place is not None
    assert index.text_at(place) == 1
    assert human_baseline([[first], [second]], index, count=8)["longest_95"] < 4, "a poem shares with itself"
