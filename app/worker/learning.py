"""Learn the styles of a batch of jobs, of whichever modality, with progress, cancelling and preemption.

Synchronous: runs in the worker's only compute thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from app.worker.failures import split_on_failure
from app.worker.interfaces import ProgressLike, StyleLike
from app.worker.preemption import Preemption
from app.worker.work_item import Done, Step, WorkItem
from model.errors import AdaptationCanceled
from model.modality import Learning
from model.pause import at_pauses, pause

PREVIEW_EVERY = 5  # inner steps

Photos = tuple[Sequence[Any], Any]
"""Of pictures: photos like those that the style is meant for, and the one that progress shows."""


class Learns(Protocol):
    """What is needed of a modality here."""

    def adapt_many(
        self, requests: Sequence[Learning], *, steps: int | None = ..., preview_every: int = ...
    ) -> Sequence[Any]: ...


@contextmanager
def preemptible(preemption: Preemption | None) -> Iterator[None]:
    """Around learning: at its pauses short runs are called, and those that are left at its end."""
    if preemption is None:
        yield
        return
    with preemption.during(), at_pauses(preemption.give_way):
        yield


def adapt(
    modality: Learns,
    works: Sequence[WorkItem],
    examples: Sequence[Sequence[Any]],
    done: Done,
    photos: Sequence[Photos] | None = None,
) -> list[StyleLike | Exception]:
    """The style of each work, or why there is none. ``examples``, ``photos``: of each."""

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

        return _learning(work, examples[i], photos[i] if photos else None, should_stop)

    return split_on_failure([learning(i, work) for i, work in enumerate(works)], run_all)


def _learning(
    work: WorkItem,
    examples: Sequence[Any],
    photos: Photos | None,
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

    return Learning(
        examples,
        contents=photos[0] if photos else (),
        seed=work.job.params.get("seed") or 0,
        preview=photos[1] if photos else None,
        on_progress=on_progress,
        should_stop=should_stop,
    )
