"""Prose as tokens: passages of an author behind the words that ask for them, and words for comparing."""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from model.sequence.objective import Batch
from model.text.reading import Text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LENGTH = 256  # tokens of a passage
READ = 2  # passages of an inner step
ASKED = "Write a passage of a story."
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SPEECH_BEGINS = re.compile(r"(?<![\w.,!?])‘(?=\w)")
_SPEECH_ENDS = re.compile(r"(?<=[.,!?;:—-])’(?!\w)")
_ITALICS = re.compile(r"_([^_\n]+)_")
_PLAIN = str.maketrans("“”‘’", "\"\"''")
_SPACE = re.compile(r"[ \t\u00a0]+")
_BREAK = re.compile(r"\n[ \t]*\n\s*")


def asked(request: str) -> str:
    """The words before an answer, as the language model was trained with them."""
    return f"<|im_start|>user\n{request}<|im_end|>\n<|im_start|>assistant\n"


def tidy(text: str) -> str:
    """Prose as paragraphs with one empty line between them, without the line ends of a page.

    Quotation marks become plain ones, as the language model has read most; marks of italics go.
    """
    if text.count("‘") > text.count("“"):  # who speaks has single marks; apostrophes are none
        text = _SPEECH_ENDS.sub('"', _SPEECH_BEGINS.sub('"', text))
    text = _ITALICS.sub(r"\1", text.translate(_PLAIN))
    paragraphs = (_SPACE.sub(" ", p.replace("\n", " ")).strip() for p in _BREAK.split(text))
    return "\n\n".join(p for p in paragraphs if p)


def words(text: str) -> list[str]:
    """In small letters, without marks."""
    return [word.lower().replace("’", "'") for word in _WORD.findall(text)]


def word_numbers(text: str) -> NDArray[np.uint32]:
    """A number for each word, never 0: for comparing runs."""
    return np.array([(zlib.crc32(word.encode()) & 0xFFFFFFFE) + 1 for word in words(text)], np.uint32)


def passages(texts: Sequence[Text], tokenizer: Tokenizer, *, length: int = LENGTH) -> list[list[list[int]]]:
    """For each text its stretches of at most ``length`` tokens, each from the beginning of a sentence."""
    return [_stretches(tidy(text.text), tokenizer, length) for text in texts]


def _stretches(text: str, tokenizer: Tokenizer, length: int) -> list[list[int]]:
    sentences = re.split(r"(?<=[.!?][\"'”’])\s(?=\S)|(?<=[.!?])\s(?=[\"'“‘A-Z])|(?<=\n)\n", text)
    pieces = [tokenizer.encode(piece).ids for piece in _glued(sentences)]
    found: list[list[int]] = []
    for piece in pieces:
        if found and len(found[-1]) + len(piece) <= length:
            found[-1] += piece
        else:
            found.append(list(piece[:length]))
    return [stretch for stretch in found if len(stretch) >= min(32, length // 2)]


def _glued(sentences: Sequence[str]) -> list[str]:
    """Sentences with the space or the empty line before them."""
    made: list[str] = []
    for sentence in sentences:
        if not sentence:
            continue
        before = "" if not made else "\n" if made[-1].endswith("\n") else " "
        made.append(before + sentence)
    return made


def stack(stretches: Sequence[Sequence[int]], before: Sequence[int]) -> Batch:
    """Stretches behind the tokens ``before`` them, padded; only the stretches are predicted."""
    longest = max(map(len, stretches))
    inputs = np.zeros((len(stretches), len(before) + longest - 1), np.int64)
    targets = np.full(inputs.shape, -1, np.int64)
    for i, stretch in enumerate(stretches):
        whole = [*before, *stretch]
        inputs[i, : len(whole) - 1] = whole[:-1]
        targets[i, len(before) - 1 : len(whole) - 1] = stretch
    return Batch(torch.from_numpy(inputs), torch.from_numpy(targets))


def support_batches(
    stretches: Sequence[Sequence[Sequence[int]]], before: Sequence[int], seed: int, *, read: int = READ
) -> Callable[[int], Batch]:
    """Step -> ``read`` stretches, of the texts in turn, none twice before all of a text were read."""
    orders = []
    for number, own in enumerate(stretches):
        rng = random.Random(f"{seed} {number}")
        orders.append(rng.sample(range(len(own)), len(own)))
    used = [i for i, own in enumerate(stretches) if own]

    def draw(step: int) -> Batch:
        chosen = []
        for place in range(step * read, (step + 1) * read):
            number = used[place % len(used)]
            order = orders[number]
            chosen.append(stretches[number][order[place // len(used) % len(order)]])
        return stack(chosen, before)

    return draw
