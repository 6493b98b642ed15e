"""What one job means for the engine. Synchronous: runs in the worker's only compute thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from PIL.Image import Image

from app.imaging.encode import flatten, with_alpha_of
from app.jobs.effects import ImageOutcome, ItemFailure, Outcome, StyleOutcome
from app.jobs.inputs import JobInputs
from app.jobs.model import Job, JobKind
from app.jobs.provenance import describe
from app.worker.failures import explain, free_memory, is_out_of_memory
from app.worker.ports import EngineLike, ProgressLike, ReadStyle, StyleLike

logger = logging.getLogger(__name__)

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
        if not inputs.styles:
            raise ValueError(f"{job.id} has no style file")
        style = engine.blend([(read_style(part.data), part.weight) for part in inputs.styles])
        images, failures = _stylize(engine, style, read_style, job, inputs, on_step, should_stop)
        return Outcome(
            steps=0,
            seconds=time.perf_counter() - started,
            images=images,
            failures=failures,
            provenance=describe(job, inputs, engine.base_hash),
        )
    style = _adapt(engine, job, inputs, default_preview, on_step, should_stop)
    header = asdict(style.header)
    images, failures = [], []
    if job.kind is JobKind.STYLIZE_ONCE:
        images, failures = _stylize(engine, style, read_style, job, inputs, on_step, should_stop)
    return Outcome(
        steps=header["steps"],
        seconds=time.perf_counter() - started,
        losses=header["losses"],
        style=StyleOutcome(style.to_bytes(), header),
        images=images,
        failures=failures,
        provenance=describe(job, inputs, engine.base_hash, header),
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
    read_style: ReadStyle,
    job: Job,
    inputs: JobInputs,
    on_step: Callable[[Step], None],
    should_stop: Callable[[], bool],
) -> tuple[list[ImageOutcome], list[ItemFailure]]:
    """Every content rendered, or why not. Raises the last failure when all fail."""
    params = job.params
    outside = read_style(inputs.outside.data) if inputs.outside is not None else None
    results: list[ImageOutcome] = []
    failures: list[ItemFailure] = []
    for position, (content_id, content) in enumerate(zip(params["contents"], inputs.contents, strict=True)):
        if should_stop():
            raise JobStopped
        try:
            rendered = engine.stylize(
                flatten(content),
                style,
                strength=1.0 if params.get("strength") is None else params["strength"],
                size=params.get("size"),
                preserve_color=bool(params.get("preserve_color")),
                mask=inputs.mask,
                outside=outside,
                feather=params.get("feather") or 0.0,
            )
        except Exception as error:
            if len(failures) + 1 == len(inputs.contents):
                raise
            if is_out_of_memory(error):
                free_memory()
            logger.warning("%s: picture %d failed", job.id, position + 1, exc_info=error)
            code, detail = explain(error)
            failures.append(ItemFailure(content_id, code, detail))
        else:
            results.append(ImageOutcome(with_alpha_of(rendered, content), content_id))
        on_step(Step("stylize", position + 1, len(inputs.contents)))
    return results, failures
