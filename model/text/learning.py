"""Learns from texts: the language decides whether a poet or an author of prose is learned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from model.text.poems import adaptation as poems
from model.text.poems.checkpoint import load_poems
from model.text.poems.examples import poems_of
from model.text.poems.limits import DEFAULT_STEPS
from model.text.poems.style import PoemStyle
from model.text.reading import Text, language_of
from model.text.stories.style import StoryStyle

Progress = Callable[[int, int, float | None], None]


def learn(
    texts: Sequence[Text],
    folder: Path,
    *,
    steps: int | None = None,
    seed: int = 0,
    checkpoint: Path | None = None,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> PoemStyle | StoryStyle:
    """The style of some texts.

    Args:
        texts: Chinese poems, or English prose.
        folder: where the language model of stories is kept.
        steps: inner steps; None: the default.
        seed: of what is read in which step.
        checkpoint: another one than the packaged.
        on_progress: (steps taken, steps in all, loss before the last step).
        should_stop: asked between steps.

    Raises:
        ReadingError: see ``model.text.reading.language_of`` and ``model.text.poems.examples``.
        StoriesUnavailableError: a package that is needed is not installed.
        AdaptationCanceled: ``should_stop`` answered True.
    """
    if language_of(texts) == "en":
        from model.text.stories import adaptation as stories
        from model.text.stories import limits
        from model.text.stories.base import load_stories

        return stories.adapt(
            load_stories(folder, checkpoint),
            texts,
            steps=limits.DEFAULT_STEPS if steps is None else steps,
            seed=seed,
            on_progress=on_progress,
            should_stop=should_stop,
        )
    found, simplified = poems_of(texts)
    return poems.adapt(
        load_poems(checkpoint),
        found,
        simplified=simplified,
        steps=DEFAULT_STEPS if steps is None else steps,
        seed=seed,
        on_progress=on_progress,
        should_stop=should_stop,
    )
