"""Which of several next sentences a story goes on with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from model.text.stories.passages import words

RUN = 3  # words: what repeats a story in shorter runs is how people talk
_LIKELY = -1.5  # nats a token: what is likelier says nothing
_REPEATED = 3.0  # nats a token taken from a sentence that has nothing new
_WITHIN = 0.2  # words that come again within their own sentence: so many do in anybody's
_STALE = 0.8  # for long words that the sentences just before have too
_JUST_BEFORE = 40  # words
_SAME_START = 0.3  # for each of the last sentences that begins with the same word
_NAME = 0.3  # for each name that nobody has heard of by then
_SETTLED = 1 / 3  # of the asked length: who is in the story is known by then
_CUT_OFF = 1.0
_OPEN = 0.7  # for quotation marks that are not closed at the end of a paragraph
_CLOSING = 0.85  # of the asked length: from there on the end is looked for
_CONCLUDES = 0.12  # of the likelihood that nothing follows
_STARTS = re.compile(r"(?:(?<=[.!?][\s\"])|(?<=\n)|^)[A-Z][a-z]*")
_NAMED = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]+")


@dataclass
class Sentence:
    """A candidate: its tokens as they were drawn, and what came behind them.

    Attributes:
        tokens: of the sentence.
        text: the same as text, with the space before it.
        likelihood: of each token, in nats.
        after: the token behind it, which begins the next sentence or ends the story; None: it was cut off.
        paragraph: that token ends the paragraph too.
        concludes: likelihood that the story ends behind it, in nats.
    """

    tokens: list[int] = field(default_factory=list)
    text: str = ""
    likelihood: list[float] = field(default_factory=list)
    after: int | None = None
    paragraph: bool = False
    concludes: float = 0.0

    @property
    def done(self) -> bool:
        """It came to its end."""
        return self.after is not None


def runs_of(text: str) -> set[tuple[str, ...]]:
    """The runs of three words."""
    found = words(text)
    return {tuple(found[i : i + RUN]) for i in range(len(found) - RUN + 1)}


def worth(sentence: Sentence, before: str, progress: float) -> float:
    """How well a sentence goes on from the text ``before`` it, in nats a token.

    Its mean likelihood, less what it repeats and whom it brings in too late; towards the end, more for a
    sentence behind which the story may be over. ``progress``: words so far by words asked for.
    """
    found = words(sentence.text)
    if not found:
        return -np.inf
    value = min(_LIKELY, float(np.mean(sentence.likelihood)))
    runs = runs_of(sentence.text)
    if runs:
        value -= _REPEATED * len(runs & runs_of(before)) / len(runs)
    value -= _REPEATED * max(0.0, 1 - len(set(found)) / len(found) - _WITHIN)
    long = {word for word in found if len(word) > 3}
    if long:
        value -= _STALE * len(long & set(words(before)[-_JUST_BEFORE:])) / len(long)
    starts = [start.group().lower() for start in _STARTS.finditer(before)][-3:]
    value -= _SAME_START * sum(start == found[0] for start in starts)
    if progress > _SETTLED:
        known = set(words(before))
        value -= _NAME * sum(name.lower() not in known for name in set(_NAMED.findall(sentence.text)))
    if not sentence.done:
        value -= _CUT_OFF
    if sentence.paragraph and is_open((before + sentence.text).rsplit("\n", 1)[-1]):
        value -= _OPEN
    if progress > _CLOSING:
        value += _CONCLUDES * sentence.concludes
    return value


def best(candidates: Sequence[Sentence], before: str, progress: float) -> int:
    """The number of the one that is worth most."""
    return int(np.argmax([worth(sentence, before, progress) for sentence in candidates]))


def is_open(paragraph: str) -> bool:
    """Whether somebody in it has not finished speaking."""
    return paragraph.count('"') % 2 == 1 or paragraph.count("“") > paragraph.count("”")
