"""Run jobs of a modality other than pictures: learn from works, generate in a style.

Synchronous: runs in the worker's only compute thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from app.jobs.job import JobKind
from app.styles.outdated import outdated
from app.worker.inputs import StyleInput
from app.worker.learning import adapt, preemptible
from app.worker.preemption import Preemption
from app.worker.provenance import describe_generation, with_rights
from app.worker.results import Outcome, StyleOutcome
from app.worker.work_item import Done, Step, WorkItem
from model.errors import AdaptationCanceled
from model.modality import Generation, Generator
from model.pause import pause

LoadModality = Callable[[str], Generator]
"""A modality by its name, loaded when it is first asked for. Raises ``model.errors.ModelError``."""


def compute_works(
    load: LoadModality, works: Sequence[WorkItem], *, done: Done, preemption: Preemption | None = None
) -> None:
    """Run jobs of one kind and one modality; ``done`` is told as each of them ends.

    An error is that of the job that it belongs to. Photos of a moment take the thread between two steps.
    """
    with preemptible(preemption):
        modality = load(works[0].job.modality)
        if works[0].job.kind is JobKind.ADAPT:
            _learn(modality, works, done)
            return
        for i, work in enumerate(works):
            started = time.perf_counter()
            try:
                pieces = list(modality.generate(_generation(modality, work)))
            except Exception as error:
                done(i, error)
            else:
                record = describe_generation(work.job, work.inputs, modality.base_hash)
                seconds = time.perf_counter() - started
                done(i, Outcome(steps=0, seconds=seconds, provenance=record, pieces=pieces))


def _learn(modality: Generator, works: Sequence[WorkItem], done: Done) -> None:
    started = time.perf_counter()
    read: list[tuple[int, WorkItem, list[Any]]] = []
    for i, work in enumerate(works):
        try:
            read.append((i, work, [modality.read_example(data) for data in work.inputs.works]))
        except Exception as error:
            done(i, error)
    styles = adapt(
        modality,
        [work for _, work, _ in read],
        [examples for _, _, examples in read],
        lambda position, error: done(read[position][0], error),
    )
    for (i, work, _), style in zip(read, styles, strict=True):
        if isinstance(style, Exception):
            done(i, style)
            continue
        style = with_rights(style, work.job)
        header = asdict(style.header)
        done(
            i,
            Outcome(
                steps=header["steps"],
                seconds=time.perf_counter() - started,
                losses=header["losses"],
                style=StyleOutcome(style.to_bytes(), header),
                batch=len(works),
            ),
        )


def _generation(modality: Generator, work: WorkItem) -> Generation:
    def should_stop() -> bool:
        pause()
        return work.should_stop()

    def read(part: StyleInput) -> Any:
        if part.header.get("base_hash", modality.base_hash) != modality.base_hash:
            raise outdated(part.id)  # since it was asked for: the worker has got another checkpoint
        return modality.read_style(part.data)

    if should_stop():
        raise AdaptationCanceled("canceled before it began")
    return Generation(
        style=modality.blend([(read(part), part.weight) for part in work.inputs.styles]),
        options=work.job.params["options"],
        files=work.inputs.files,
        on_progress=lambda made, of: work.on_step(Step("generate", made, of)),
        on_text=work.on_step,
        should_stop=should_stop,
    )
