"""Learns from texts: the language decides whether a poet or an author of prose is learned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from model.text.errors import EmptyTextError, LanguageError
from model.text.poems import adaptation as poems
from model.text.poems.checkpoint import PoemsBase, load_poems
from model.text.poems.poem import Poem, is_verse, read_poems
from model.text.poems.script import is_simplified, to_traditional
from model.text.poems.style import PoemStyle
from model.text.reading import Text, language_of

MAX_POEMS = 256
Progress = Callable[[int, int, float | None], None]


def poems_of(texts: Sequence[Text]) -> tuple[list[Poem], bool]:
    """The poems of some texts, in traditional characters, and whether they were written in simplified ones.

    Raises:
        LanguageError: Chinese, but no verse.
        EmptyTextError: no poems.
    """
    joined = "\n\n".join(text.text for text in texts)
    simplified = is_simplified(joined)
    if simplified:
        joined = to_traditional(joined)
    found = read_poems(joined)
    if found and not is_verse(found, joined):
        raise LanguageError("The text is Chinese prose, and only verse can be learned in Chinese.")
    if not found:
        raise EmptyTextError("No poem was found in the text.")
    return found[:MAX_POEMS], simplified


def learn(
    texts: Sequence[Text],
    *,
    steps: int | None = None,
    seed: int = 0,
    checkpoint: Path | None = None,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> PoemStyle:
    """The style of some texts.

    Raises:
        ReadingError: see ``model.text.reading.language_of`` and ``poems_of``.
        AdaptationCanceled: ``should_stop`` answered True.
    """
    if language_of(texts) == "en":
        raise LanguageError("English cannot be learned yet.")
    found, simplified = poems_of(texts)
    base: PoemsBase = load_poems(checkpoint)
    return poems.adapt(
        base,
        found,
        simplified=simplified,
        steps=poems.DEFAULT_STEPS if steps is None else steps,
        seed=seed,
        on_progress=on_progress,
        should_stop=should_stop,
    )
