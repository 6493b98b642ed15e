"""English stories as a modality: what a worker needs to learn authors and to write in their manner."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from model.errors import CheckpointMissingError
from model.modality import Generation, Learning, Piece, ResultFile, Written, adapt_one_by_one, tell_loss
from model.text.reading import Text, text_from_bytes
from model.text.stories.adaptation import adapt
from model.text.stories.base import StoriesBase, load_stories
from model.text.stories.limits import DEFAULT_STEPS, MAX_STEPS, MEDIA_TYPES
from model.text.stories.passages import words
from model.text.stories.style import StoryStyle, blend_story_styles
from model.text.stories.writing import StoryRequest, StoryWriter, WrittenStory


def load(checkpoint: Path | None, device: str) -> StoriesModality:
    """The language model in the folder of ``checkpoint``, made there from its package where it is missing.

    On the CPU whatever ``device`` says. Raises ``StoriesUnavailableError`` without the package,
    ``CheckpointFormatError``, ``CheckpointMissingError`` where no place is named.
    """
    if checkpoint is None:
        raise CheckpointMissingError("stories need a place for their language model: name its file")
    return StoriesModality(load_stories(checkpoint.parent))


class StoriesModality:
    """Learns from prose and writes stories; fits ``model.modality.Generator``."""

    default_steps = DEFAULT_STEPS

    def __init__(self, base: StoriesBase) -> None:
        self.base = base
        self.base_hash = base.hash
        self._writer = StoryWriter(base)
        self._shapes = {name: value.shape for name, value in base.phi.items()}

    def read_example(self, data: bytes) -> Text:
        """A text as ``text_to_bytes`` writes it. Raises ``NotTextError``."""
        return text_from_bytes(data)

    def adapt_many(
        self, requests: Sequence[Learning], *, steps: int | None = None, preview_every: int = 5
    ) -> list[Any]:
        """One after the other: the language model fills a processor with one author already."""
        taken = DEFAULT_STEPS if steps is None else min(steps, MAX_STEPS)
        return adapt_one_by_one(requests, lambda request: self._adapt(request, taken))

    def _adapt(self, request: Learning, steps: int) -> StoryStyle:
        return adapt(
            self.base,
            request.examples,
            steps=steps,
            seed=request.seed,
            on_progress=tell_loss(request),
            should_stop=request.should_stop,
        )

    def read_style(self, data: bytes) -> StoryStyle:
        """A style file. Raises ``StyleFormatError``, ``StyleBaseMismatchError``."""
        return StoryStyle.from_bytes(data, base_hash=self.base_hash, shapes=self._shapes)

    def blend(self, parts: Sequence[tuple[StoryStyle, float]]) -> StoryStyle:
        """One author between several."""
        return parts[0][0] if len(parts) == 1 else blend_story_styles(parts)

    def generate(self, request: Generation) -> Iterator[Piece]:
        """Stories, each as text, Markdown and JSON; progress is in words. Raises ``WritingError``,
        ``WritingFailedError``, ``AdaptationCanceled``."""
        asked = request_of(request.options)
        told = Telling(asked, request.on_progress, request.on_text)
        for made in self._writer.write(request.style, asked, on_text=told, should_stop=request.should_stop):
            yield Piece(list(_written(made)), about(made))


class Telling:
    """``on_text`` of a writer: tells (words written, words asked for) of all stories together, and the text.

    Words are told when there are more; a draft that begins afresh takes none back.
    """

    def __init__(
        self,
        asked: StoryRequest,
        on_progress: Callable[[int, int], None] | None,
        on_text: Callable[[Written], None] | None,
    ) -> None:
        self._asked, self._on_progress, self._on_text = asked, on_progress, on_text
        self._most = [0] * asked.count
        self._texts = [""] * asked.count

    def __call__(self, number: int, text: str) -> None:
        written = min(len(words(text)), self._asked.length)
        if written > self._most[number]:
            self._most[number] = written
            if self._on_progress is not None:
                self._on_progress(sum(self._most), self._asked.length * self._asked.count)
        if self._on_text is not None:
            begin = len(self._texts[number]) if text.startswith(self._texts[number]) else 0
            self._on_text(Written(number, begin, text[begin:]))
        self._texts[number] = text


def request_of(options: Mapping[str, Any]) -> StoryRequest:
    """What is asked for; ``avoid`` is words with commas. Raises ``WritingError``."""
    known = (
        "title", "opening", "length", "person", "tense", "mood", "count", "seed", "temperature", "top_p",
        "max_copied",
    )  # fmt: skip
    given = {name: options[name] for name in known if options.get(name) is not None}
    avoid = tuple(word.strip() for word in str(options.get("avoid") or "").split(",") if word.strip())
    return StoryRequest(**given, avoid=avoid)


def about(made: WrittenStory) -> dict[str, Any]:
    """What is said about a story, as JSON."""
    return {
        "title": made.title,
        "opening": made.opening,
        "text": made.text,
        "words": len(words(made.story)),
        "ended": made.ended,
        "seed": made.seed,
        "originality": made.report.to_dict(),
    }


def _written(made: WrittenStory) -> Iterator[ResultFile]:
    body = made.text.removeprefix(f"{made.title}\n\n") if made.title else made.text
    head = f"## {made.title}\n\n" if made.title else ""
    texts = {
        "txt": made.text + "\n",
        "md": head + body + "\n",
        "json": json.dumps(about(made), ensure_ascii=False, indent=1) + "\n",
    }
    for form, text in texts.items():
        yield ResultFile(form, MEDIA_TYPES[form], text.encode())
