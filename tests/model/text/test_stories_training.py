"""Training of the start of stories with a tiny language model: which works, what is written, going on."""

from pathlib import Path

import pytest
import torch

from model.text.reading import Text
from model.text.stories.base import StoriesBase, load_stories
from model.text.stories.known import longest_run
from model.text.stories.passages import word_numbers
from model.text.stories.training import StoriesTraining, StoriesTrainingConfig
from model.text.stories.works import READ, Author, part_of, read_authors, read_part
from tests.model.text.test_reading import PROSE
from tests.model.text.test_stories import SHAPE, base, make_tokenizer, make_weights  # noqa: F401

READ_BY_TRAINING = ("Alcott_Louisa_May", "Andersen_H_C")


def make_authors(*names: str) -> list[Author]:
    return [Author(name, tuple(Text(f"{name} {i}", PROSE) for i in range(3))) for name in names]


def make_config(out: Path, **changes: object) -> StoriesTrainingConfig:
    settings = {"out": out, "minutes": 0.01, "batch": 2, "inner_steps": 2, "query": 2, "joint_share": 0.5}
    return StoriesTrainingConfig(**{**settings, **changes})  # type: ignore[arg-type]


def test_training_moves_the_start_alone_and_goes_on_where_it_stood(tmp_path: Path, base: StoriesBase):  # noqa: F811
    weights = {name: value.clone() for name, value in base.network.named_buffers()}
    first = StoriesTraining(make_config(tmp_path), base, make_authors(*READ_BY_TRAINING))
    first.train()
    assert first.joint_steps > 0
    assert first.outer.steps_done > 0
    assert first.start.tensors()["q_up"].abs().sum() > 0
    assert all(torch.equal(value, weights[name]) for name, value in base.network.named_buffers())
    again = StoriesTraining(make_config(tmp_path), base, make_authors(*READ_BY_TRAINING))
    assert again.joint_steps == first.joint_steps
    for name, value in first.start.tensors().items():
        assert torch.equal(again.start.tensors()[name], value)


def test_the_checkpoint_holds_start_rates_and_what_was_read(
    tmp_path: Path,
    base: StoriesBase,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
):
    training = StoriesTraining(make_config(tmp_path, minutes=0.0001), base, make_authors(*READ_BY_TRAINING))
    training.train()
    model = tmp_path / "model.safetensors"
    model.write_bytes(b"")
    monkeypatch.setattr("model.text.stories.base.language_model", lambda folder: model)
    monkeypatch.setattr(
        "model.text.stories.base.load_language_model",
        lambda path: (base.network, make_tokenizer(), {}),
    )
    monkeypatch.setattr("model.text.stories.base.stories_hash", lambda model, checkpoint: "c" * 64)
    loaded = load_stories(tmp_path, training.checkpoint_path)
    assert len(loaded.rates["q_up"]) == 2
    assert longest_run(loaded.known, word_numbers(PROSE))[0] >= 50
    assert loaded.header["card"]["authors"] == sorted(READ_BY_TRAINING)
    assert make_weights()["tokens"].shape[0] == SHAPE.tokens


def test_authors_who_are_kept_apart_are_not_read(tmp_path: Path, base: StoriesBase):  # noqa: F811
    authors = make_authors(*READ_BY_TRAINING, "Wilde_Oscar", "Conrad_Joseph")
    assert [part_of(author.name) for author in authors] == ["training", "training", "held out", "validation"]
    assert StoriesTraining(make_config(tmp_path), base, authors).names == list(READ_BY_TRAINING)


def test_works_are_read_from_folders_without_verse(tmp_path: Path):
    folder = tmp_path / "Somebody"
    folder.mkdir()
    verse = "The sun was up, And then he came, To see the hill, With all the same " * 40
    for number in range(4):
        (folder / f"{number}.txt").write_text(PROSE)
    (folder / "verse.txt").write_text(verse)
    (tmp_path / "Little").mkdir()
    (tmp_path / "Little" / "one.txt").write_text(PROSE)
    (author,) = read_authors(tmp_path)
    assert (author.name, len(author.works)) == ("Somebody", 4)


def test_the_middle_of_a_work_is_read():
    paragraphs = [f"Paragraph {i} says this and that about the house." for i in range(1000)]
    part = read_part(Text("long", "\n\n".join(paragraphs))).text
    assert part.startswith("Paragraph 5")
    assert READ - 100 < len(part) <= READ
