"""What one job means for the engine. Synchronous: runs in the worker's only compute thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from PIL.Image import Image

from app.imaging.encode import flatten, with_alpha_of
from app.jobs.effects import ImageOutcome, Outcome, StyleOutcome
from app.jobs.inputs import JobInputs
from app.jobs.model import Job, JobKind
from app.worker.ports import EngineLike, ProgressLike, ReadStyle, StyleLike

PREVIEW_SIDE = 192  # px, longer side
PREVIEW_EVERY = 5  # inner steps

Phase = Literal["adapt", "stylize"]


@dataclass(frozen=True)
class Step:
    """Progress of a job: inner steps of an adaptation, or pictures of a stylization."""

    phase: Phase
    step: int
    steps: int
    losses: Mapping[str, float] = field(default_factory=dict)
    preview: Image | None = None


class JobStopped(Exception):  # noqa: N818 - a request that was honoured, not a fault
    """``should_stop`` answered True between two pictures."""


def compute(
    engine: EngineLike,
    read_style: ReadStyle,
    job: Job,
    inputs: JobInputs,
    *,
    default_preview: Image | None,
    on_step: Callable[[Step], None],
    should_stop: Callable[[], bool],
) -> Outcome:
    """Run the model for ``job`` and return what it made.

    Previews show the job's first content, or ``default_preview`` when it has none.

    Raises ``model.errors.AdaptationCanceled`` or JobStopped when ``should_stop`` answered True, and
    whatever else the engine raises.
    """
    started = time.perf_counter()
    if job.kind is JobKind.STYLIZE:
        if inputs.style is None:
            raise ValueError(f"{job.id} has no style file")
        images = _stylize(engine, read_style(inputs.style), job, inputs.contents, on_step, should_stop)
        return Outcome(steps=0, seconds=time.perf_counter() - started, images=images)
    style = _adapt(engine, job, inputs, default_preview, on_step, should_stop)
    images = []
    if job.kind is JobKind.STYLIZE_ONCE:
        images = _stylize(engine, style, job, inputs.contents, on_step, should_stop)
    header = asdict(style.header)
    return Outcome(
        steps=header["steps"],
        seconds=time.perf_counter() - started,
        losses=header["losses"],
        style=StyleOutcome(style.to_bytes(), header),
        images=images,
    )


def _adapt(
    engine: EngineLike,
    job: Job,
    inputs: JobInputs,
    default_preview: Image | None,
    on_step: Callable[[Step], None],
    should_stop: Callable[[], bool],
) -> StyleLike:
    def on_progress(progress: ProgressLike) -> None:
        on_step(Step("adapt", progress.step, progress.steps, progress.losses, progress.preview))

    contents = [flatten(content) for content in inputs.contents]
    style: StyleLike = engine.adapt(
        inputs.examples,
        contents=contents,
        steps=job.params.get("steps"),
        seed=job.params.get("seed") or 0,
        preview=contents[0] if contents else default_preview,
        preview_every=PREVIEW_EVERY,
        on_progress=on_progress,
        should_stop=should_stop,
    )
    return style


def _stylize(
    engine: EngineLike,
    style: Any,
    job: Job,
    contents: Sequence[Image],
    on_step: Callable[[Step], None],
    should_stop: Callable[[], bool],
) -> list[ImageOutcome]:
    strength = job.params.get("strength")
    results = []
    for position, (content_id, content) in enumerate(zip(job.params["contents"], contents, strict=True)):
        if should_stop():
            raise JobStopped
        rendered = engine.stylize(
            flatten(content),
            style,
            strength=1.0 if strength is None else strength,
            size=job.params.get("size"),
        )
        results.append(ImageOutcome(with_alpha_of(rendered, content), content_id))
        on_step(Step("stylize", position + 1, len(contents)))
    return results
