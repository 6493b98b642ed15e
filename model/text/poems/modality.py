"""Chinese poems as a modality: what a worker needs to learn poets and to write in their manner."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from model.modality import Generation, Learning, Piece, ResultFile, adapt_one_by_one, tell_loss
from model.text.poems.adaptation import adapt
from model.text.poems.checkpoint import PoemsBase, load_poems
from model.text.poems.examples import poems_of
from model.text.poems.limits import DEFAULT_STEPS, MAX_STEPS, MEDIA_TYPES
from model.text.poems.style import PoemStyle, blend_poem_styles
from model.text.poems.writing import PoemRequest, PoemWriter, WrittenPoem
from model.text.reading import Text, text_from_bytes


def load(checkpoint: Path | None, device: str) -> PoemsModality:
    """The packaged checkpoint, or another. On the CPU whatever ``device`` says: the network is small, and
    sampling goes character by character. Raises ``CheckpointMissingError``, ``CheckpointFormatError``."""
    return PoemsModality(load_poems(checkpoint))


class PoemsModality:
    """Learns from poems and writes poems; fits ``model.modality.Generator``."""

    default_steps = DEFAULT_STEPS

    def __init__(self, base: PoemsBase) -> None:
        self.base = base
        self.base_hash = base.hash
        self._writer = PoemWriter(base)
        self._shapes = {name: value.shape for name, value in base.phi.items()}

    def read_example(self, data: bytes) -> Text:
        """A text as ``text_to_bytes`` writes it. Raises ``NotTextError``."""
        return text_from_bytes(data)

    def adapt_many(
        self, requests: Sequence[Learning], *, steps: int | None = None, preview_every: int = 5
    ) -> list[Any]:
        """One after the other: the inner loop on phi fills a processor with one poet already."""
        taken = DEFAULT_STEPS if steps is None else min(steps, MAX_STEPS)
        return adapt_one_by_one(requests, lambda request: self._adapt(request, taken))

    def _adapt(self, request: Learning, steps: int) -> PoemStyle:
        poems, simplified = poems_of(request.examples)
        return adapt(
            self.base,
            poems,
            simplified=simplified,
            steps=steps,
            seed=request.seed,
            on_progress=tell_loss(request),
            should_stop=request.should_stop,
        )

    def read_style(self, data: bytes) -> PoemStyle:
        """A style file. Raises ``StyleFormatError``, ``StyleBaseMismatchError``."""
        return PoemStyle.from_bytes(data, base_hash=self.base_hash, shapes=self._shapes)

    def blend(self, parts: Sequence[tuple[PoemStyle, float]]) -> PoemStyle:
        """One poet between several."""
        return parts[0][0] if len(parts) == 1 else blend_poem_styles(parts)

    def generate(self, request: Generation) -> Iterator[Piece]:
        """Poems, each as text, Markdown and JSON. Raises ``WritingError``, ``WritingFailedError``,
        ``StoriesUnavailableError`` without opencc, ``AdaptationCanceled``."""
        made = self._writer.write(
            request.style,
            request_of(request.options),
            on_progress=request.on_progress,
            should_stop=request.should_stop,
        )
        for poem in made:
            yield Piece(list(_written(poem)), about(poem))


def request_of(options: Mapping[str, Any]) -> PoemRequest:
    """What is asked for. Raises ``WritingError``."""
    known = ("form", "title", "count", "seed", "temperature", "top_p", "max_copied", "avoid", "script")
    return PoemRequest(**{name: options[name] for name in known if options.get(name) is not None})


def about(made: WrittenPoem) -> dict[str, Any]:
    """What is said about a poem, as JSON."""
    return {
        "title": made.poem.title,
        "form": made.form.name,
        "text": made.text,
        "seed": made.seed,
        "originality": made.report.to_dict(),
    }


def _written(made: WrittenPoem) -> Iterator[ResultFile]:
    lines = made.text.split("\n")
    head = f"## {made.poem.title}\n\n" if made.poem.title else ""
    body = lines[1:] if made.poem.title else lines
    texts = {
        "txt": made.text + "\n",
        "md": head + "  \n".join(body) + "\n",
        "json": json.dumps(about(made) | {"lines": made.poem.lines}, ensure_ascii=False, indent=1) + "\n",
    }
    for form, text in texts.items():
        yield ResultFile(form, MEDIA_TYPES[form], text.encode())
