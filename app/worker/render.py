"""Render the pictures of a batch of jobs, grouped by size, and give them back job by job."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL.Image import Image

from app.imaging.transparency import opaque, with_alpha_of
from app.jobs.dials import dials_of
from app.worker.failures import explain, free_memory, is_out_of_memory, split_on_failure
from app.worker.interfaces import EngineLike
from app.worker.render_clip import render_clip
from app.worker.results import ClipOutcome, ImageOutcome, ItemFailure
from app.worker.work_item import JobStopped, Step, WorkItem
from model.image.engine_types import Rendering
from model.image.rendering.masks import soften

logger = logging.getLogger(__name__)


@dataclass
class RenderJob:
    """The pictures of one job, and what has become of them so far."""

    work: WorkItem
    style: Any
    outside: Any | None = None
    _images: dict[int, ImageOutcome] = field(default_factory=dict)
    _failures: dict[int, ItemFailure] = field(default_factory=dict)
    _last: Exception | None = None

    @property
    def clips(self) -> dict[int, bytes]:
        """The contents that move, by position."""
        files = self.work.inputs.clips
        contents = self.work.job.params["contents"]
        return {i: files[content] for i, content in enumerate(contents) if content in files}

    def renderings(self) -> Iterator[tuple[int, Rendering]]:
        """One for each content that stands still, with its position."""
        params = self.work.job.params
        for position, content in enumerate(self.work.inputs.contents):
            if position in self.clips:
                continue
            yield (
                position,
                Rendering(
                    opaque(content),
                    self.style,
                    dials_of(params),
                    size=params.get("size"),
                    preserve_color=bool(params.get("preserve_color")),
                    mask=self.work.inputs.mask,
                    outside=self.outside,
                    feather=params.get("feather") or 0.0,
                ),
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
            manifest = work.inputs.manifests.get(content_id)
            mask = self._left_alone(result.size)
            image = with_alpha_of(result, work.inputs.contents[position], mask)
            self._images[position] = ImageOutcome(
                image, content_id, manifest=manifest, drawn=mask, label=work.label
            )
        self.step(0)

    def _left_alone(self, size: tuple[int, int]) -> Image | None:
        """The mask at the size of a result, where the photo stays as it is outside of it."""
        mask = self.work.inputs.mask
        if mask is None or self.outside is not None:
            return None
        return soften(mask, size, self.work.job.params.get("feather") or 0.0)

    def take_clip(self, position: int, first: Image, clip: ClipOutcome) -> None:
        """A rendered clip."""
        content_id = self.work.job.params["contents"][position]
        manifest = self.work.inputs.manifests.get(content_id)
        self._images[position] = ImageOutcome(first, content_id, clip, manifest, label=self.work.label)
        self.step(0)

    def step(self, frames: int) -> None:
        """Report what is done, and so many frames of a clip that is not: frames count like pictures."""
        work = self.work
        clips: dict[str, int] = work.job.params.get("clips") or {}
        counts = [clips.get(content, 1) for content in work.job.params["contents"]]
        done = sum(counts[position] for position in (*self._images, *self._failures))
        work.on_step(Step("stylize", min(done + frames, sum(counts)), sum(counts)))

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
    render_jobs: Mapping[int, RenderJob],
    most: int,
    finish: Callable[[int, JobStopped | None], None],
) -> None:
    """Render every job, pictures of one size together, at most ``most`` in a pass.

    ``finish`` is called as soon as a job is complete, or was stopped: asked for before each pass.
    """
    items = [
        (key, position, rendering)
        for key, render_job in render_jobs.items()
        for position, rendering in render_job.renderings()
    ]
    going = set(render_jobs)
    for group in engine.batches([rendering for *_, rendering in items], most):
        for key in sorted({items[i][0] for i in group} & going):
            if render_jobs[key].work.should_stop():
                going.discard(key)
                finish(key, JobStopped())
        members = [items[i] for i in group if items[i][0] in going]
        if not members:
            continue
        results = split_on_failure([rendering for *_, rendering in members], engine.stylize_many)
        for (key, position, _), result in zip(members, results, strict=True):
            render_jobs[key].take(position, result)
            if render_jobs[key].complete:
                going.discard(key)
                finish(key, None)
    for key in sorted(going):
        finish(key, _render_clips(engine, render_jobs[key]))


def _render_clips(engine: EngineLike, render_job: RenderJob) -> JobStopped | None:
    """The contents of a job that move, one after the other; JobStopped when it was stopped meanwhile."""
    for position, data in render_job.clips.items():
        try:
            render_job.take_clip(
                position, *render_clip(engine, render_job.work, render_job.style, data, render_job.step)
            )
        except JobStopped as stopped:
            return stopped
        except Exception as error:
            if is_out_of_memory(error):
                free_memory()
            render_job.take(position, error)
    return None
