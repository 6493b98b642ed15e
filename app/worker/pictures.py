"""The pictures of a batch of jobs: rendered by passes, given back job by job."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.imaging.encode import flatten, with_alpha_of
from app.jobs.effects import ImageOutcome, ItemFailure
from app.worker.failures import explain
from app.worker.parts import in_parts
from app.worker.ports import EngineLike
from app.worker.work import JobStopped, Step, Work
from model.errors import RenderingCanceled
from model.requests import Rendering

logger = logging.getLogger(__name__)


@dataclass
class Sheet:
    """The pictures of one job, and what has become of them so far."""

    work: Work
    style: Any
    outside: Any | None = None
    _images: dict[int, ImageOutcome] = field(default_factory=dict)
    _failures: dict[int, ItemFailure] = field(default_factory=dict)
    _last: Exception | None = None

    def renderings(self) -> Iterator[Rendering]:
        """One for each content."""
        params = self.work.job.params
        for content in self.work.inputs.contents:
            yield Rendering(
                flatten(content),
                self.style,
                strength=1.0 if params.get("strength") is None else params["strength"],
                size=params.get("size"),
                preserve_color=bool(params.get("preserve_color")),
                mask=self.work.inputs.mask,
                outside=self.outside,
                feather=params.get("feather") or 0.0,
                should_stop=self.work.should_stop,
            )

    def take(self, position: int, result: Any) -> None:
        """A picture, or the exception that was raised instead of it; reported as a step."""
        work = self.work
        content_id = work.job.params["contents"][position]
        if isinstance(result, Exception):
            logger.warning("%s: picture %d failed", work.job.id, position + 1, exc_info=result)
            self._last = result
            self._failures[position] = ItemFailure(content_id, *explain(result))
        else:
            image = with_alpha_of(result, work.inputs.contents[position])
            self._images[position] = ImageOutcome(image, content_id)
        work.on_step(Step("stylize", len(self._images) + len(self._failures), len(work.inputs.contents)))

    @property
    def complete(self) -> bool:
        """Whether every picture was taken."""
        return len(self._images) + len(self._failures) == len(self.work.inputs.contents)

    def results(self) -> tuple[list[ImageOutcome], list[ItemFailure]]:
        """In the order of the contents. Raises the last failure when all failed."""
        if self._last is not None and not self._images:
            raise self._last
        return [self._images[i] for i in sorted(self._images)], [
            self._failures[i] for i in sorted(self._failures)
        ]


def render(
    engine: EngineLike,
    sheets: Mapping[int, Sheet],
    most: int,
    finish: Callable[[int, JobStopped | None], None],
) -> None:
    """Render every sheet, pictures of one size together, at most ``most`` in a pass.

    ``finish`` is called as soon as a sheet is complete, or was stopped: asked for before each pass, and
    within a large picture.
    """
    items = [
        (key, position, rendering)
        for key, sheet in sheets.items()
        for position, rendering in enumerate(sheet.renderings())
    ]
    going = set(sheets)
    for group in engine.together([rendering for *_, rendering in items], most):
        for key in sorted({items[i][0] for i in group} & going):
            if sheets[key].work.should_stop():
                going.discard(key)
                finish(key, JobStopped())
        members = [items[i] for i in group if items[i][0] in going]
        if not members:
            continue
        results = in_parts([rendering for *_, rendering in members], engine.stylize_many)
        for (key, position, _), result in zip(members, results, strict=True):
            if isinstance(result, RenderingCanceled):
                going.discard(key)
                finish(key, JobStopped())
                continue
            sheets[key].take(position, result)
            if sheets[key].complete:
                going.discard(key)
                finish(key, None)
