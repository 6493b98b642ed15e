"""Run a batch of jobs on the engine. Synchronous: runs in the worker's only compute thread."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict

from PIL.Image import Image

from app.imaging.encode import flatten
from app.jobs.job import JobKind
from app.styles.outdated import outdated
from app.worker.inputs import StyleInput
from app.worker.interfaces import EngineLike, ReadStyle, StyleLike
from app.worker.learning import Photos, adapt, preemptible
from app.worker.preemption import Preemption
from app.worker.provenance import describe, with_rights
from app.worker.render import RenderJob, render
from app.worker.results import Outcome, StyleOutcome
from app.worker.work_item import Done, JobStopped, WorkItem


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
                fingerprints=work.inputs.fingerprints,
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
            styles = adapt(engine, works, examples, done, [_photos(work, default_preview) for work in works])
        for i, style in enumerate(styles):
            if isinstance(style, Exception):
                done(i, style)
                continue
            style = learned[i] = with_rights(style, works[i].job)
            if kind is JobKind.STYLIZE_ONCE:
                render_jobs[i] = RenderJob(works[i], style)
            else:
                finish(i)
    render(engine, render_jobs, most, finish)


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


def _photos(work: WorkItem, default_preview: Image | None) -> Photos:
    contents = [flatten(content) for content in work.inputs.contents]
    return contents, contents[0] if contents else default_preview
