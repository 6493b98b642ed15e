"""A job with its inputs and callbacks, as the compute thread sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from PIL.Image import Image

from app.jobs.job import Job, JobKind
from app.provenance.label import NO_LABEL, Label
from app.worker.inputs import JobInputs
from app.worker.results import Outcome
from model.modality import Written

_BRIEF_PIXELS = 2**20  # of a job's contents: about 0.4 s on two cores

Phase = Literal["adapt", "stylize", "generate"]


@dataclass(frozen=True)
class Step:
    """Progress of a job: inner steps of an adaptation, pictures of a stylization, bars of a composition."""

    phase: Phase
    step: int
    steps: int
    losses: Mapping[str, float] = field(default_factory=dict)
    preview: Image | None = None


Done = Callable[[int, Outcome | Exception], None]
"""Gets the position of a work, and what it made or why it made nothing; the first time counts."""


class JobStopped(Exception):  # noqa: N818 - a request that was honoured, not a fault
    """``should_stop`` answered True between two pictures or frames."""


@dataclass(frozen=True)
class WorkItem:
    """A job with its inputs; ``on_step`` and ``should_stop`` are called in the compute thread. ``label``:
    of its results, in the place that the job asks for."""

    job: Job
    inputs: JobInputs
    on_step: Callable[[Step | Written], None]
    should_stop: Callable[[], bool]
    label: Label = NO_LABEL

    @property
    def brief(self) -> bool:
        """Whether this is a matter of a moment: a stylization of one large photo at most, and no clip."""
        if self.job.kind is not JobKind.STYLIZE or self.inputs.clips:
            return False
        return sum(content.width * content.height for content in self.inputs.contents) <= _BRIEF_PIXELS
