"""Run a batch of jobs on the engine. Synchronous: runs in the worker's only compute thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from PIL.Image import Image

from app.imaging.encode import flatten
from app.jobs.job import JobKind
from app.styles.outdated import outdated
from app.worker.inputs import StyleInput
from app.worker.interfaces import EngineLike, ProgressLike, ReadStyle, StyleLike
from app.worker.preemption import Preemption
from app.worker.provenance import describe
from app.worker.render import RenderJob, render
from app.worker.results import Outcome, StyleOutcome
from app.worker.split_on_failure import split_on_failure
from app.worker.work_item import JobStopped, Step, WorkItem
from model.errors import AdaptationCanceled
from model.modality import Learning, Modality
from model.pause import at_pauses, pause

PREVIEW_EVERY = 5  # inner steps

Done = Callable[[int, Outcome | Exception], None]
"""Gets the position of a work, and what it made or why it made nothing; the first time counts."""


def compute(
    engine: EngineLike,
    read_style: ReadStyle,
    works: Sequence[WorkItem],
    *,
    most: int,
    default_preview: Image | None,
    done: Done,
    preemption: Preemption | None = None,
) -> None:
    """Run the model for jobs of one kind (and one number of steps); ``done`` is told as each of them ends.

    Between two steps of learning, short runs take the thread where there is a ``preemption``: photos in other
    styles.

    Previews show a job's first content, or ``default_preview`` when it has none. ``most`` bounds the pictures
    of one forward pass.

    A job that was stopped is done with ``model.errors.AdaptationCanceled`` or JobStopped. An error is that of
    the job that it belongs to, and the others go on.
    """
    started = time.perf_counter()
    kind = works[0].job.kind
    render_jobs: dict[int, RenderJob] = {}
    learned: dict[int, StyleLike] = {}

    def finish(i: int, stopped: JobStopped | None = None) -> None:
        work = works[i]
        try:
            if stopped is not None:
                raise stopped
            images, failures = render_jobs[i].results() if i in render_jobs else ([], [])
            header = asdict(learned[i].header) if i in learned else None
            outcome = Outcome(
                steps=header["steps"] if header else 0,
                seconds=time.perf_counter() - started,
                losses=header["losses"] if header else {},
                style=StyleOutcome(learned[i].to_bytes(), header) if header else None,
                images=images,
                failures=failures,
                provenance=describe(work.job, work.inputs, engine.base_hash, header),
                batch=len(works),
            )
        except Exception as error:
            done(i, error)
        else:
            done(i, outcome)

    if kind is JobKind.STYLIZE:
        for i, work in enumerate(works):
            try:
                render_jobs[i] = _render_job(engine, read_style, work)
            except Exception as error:
                done(i, error)
    else:
        with preemptible(preemption):
            examples = [work.inputs.examples for work in works]
            styles = adapt(engine, works, examples, default_preview, done)
        for i, style in enumerate(styles):
            if isinstance(style, Exception):
                done(i, style)
                continue
            learned[i] = style
            if kind is JobKind.STYLIZE_ONCE:
                render_jobs[i] = RenderJob(works[i], style)
            else:
                finish(i)
    render(engine, render_jobs, most, finish)


@contextmanager
def preemptible(preemption: Preemption | None) -> Iterator[None]:
    """Around learning: at its pauses short runs are called, and those that are left at its end."""
    if preemption is None:
        yield
        return
    with preemption.during(), at_pauses(preemption.give_way):
        yield


def _render_job(engine: EngineLike, read_style: ReadStyle, work: WorkItem) -> RenderJob:
    inputs = work.inputs
    if not inputs.styles:
        raise ValueError(f"{work.job.id} has no style file")

    def read(part: StyleInput) -> StyleLike:
        if part.header.get("base_hash", engine.base_hash) != engine.base_hash:
            raise outdated(part.id)  # since it was asked for: the worker has got another checkpoint
        style: StyleLike = read_style(part.data)
        return style

    style = engine.blend([(read(part), part.weight) for part in inputs.styles])
    return RenderJob(work, style, read(inputs.outside) if inputs.outside is not None else None)


def adapt(
    modality: EngineLike | Modality,
    works: Sequence[WorkItem],
    examples: Sequence[Sequence[Any]],
    default_preview: Image | None,
    done: Done,
) -> list[StyleLike | Exception]:
    """The style of each work, or why there is none. ``examples``: of each."""

    def run_all(requests: Sequence[Learning]) -> Sequence[StyleLike | Exception]:
        steps = works[0].job.params.get("steps")
        return modality.adapt_many(requests, steps=steps, preview_every=PREVIEW_EVERY)

    def learning(i: int, work: WorkItem) -> Learning:
        def should_stop() -> bool:
            pause()
            if not work.should_stop():
                return False
            done(i, AdaptationCanceled("canceled between two steps"))  # at once: the others go on
            return True

        return _learning(work, examples[i], default_preview, should_stop)

    return split_on_failure([learning(i, work) for i, work in enumerate(works)], run_all)


def _learning(
    work: WorkItem,
    examples: Sequence[Any],
    default_preview: Image | None,
    should_stop: Callable[[], bool],
) -> Learning:
    furthest = (-1, False, 0)

    def on_progress(progress: ProgressLike) -> None:
        nonlocal furthest
        # Before step 0 is judged come previews, each larger than the one before.
        side = max(progress.preview.size) if progress.preview is not None else 0
        now = (progress.step, bool(progress.losses), side)
        if now > furthest:  # a batch that ran out of memory begins again, and repeats itself
            furthest = now
            step = Step("adapt", progress.step, progress.steps, progress.losses, progress.preview)
            work.on_step(step)

    contents = [flatten(content) for content in work.inputs.contents]
    return Learning(
        examples,
        contents=contents,
        seed=work.job.params.get("seed") or 0,
        preview=contents[0] if contents else default_preview,
        on_progress=on_progress,
        should_stop=should_stop,
    )
