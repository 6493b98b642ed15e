"""What one job means for the engine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from PIL import Image

from app.jobs.effects import Outcome
from app.jobs.inputs import JobInputs, StyleInput
from app.jobs.model import Job, JobKind, JobState
from app.worker.compute import compute
from app.worker.ports import OneByOne
from app.worker.work import JobStopped, Work
from model.errors import RenderingCanceled


class _Stops(OneByOne):
    """An engine that looks whether it is to stop once in every picture, as between strips of a large one."""

    base_hash = "0" * 64
    default_steps = 0

    def blend(self, parts: Sequence[tuple[Any, float]]) -> Any:
        return parts[0][0]

    def stylize(self, photo: Image.Image, style: Any, **how: Any) -> Image.Image:
        if how["should_stop"]():
            raise RenderingCanceled
        return photo


def test_a_request_to_stop_reaches_a_picture_that_is_being_rendered() -> None:
    """And is no failure of that picture, with others that were done."""
    now = datetime.now(UTC)
    params = {"contents": ["img_1", "img_2"]}
    job = Job(
        "job_1", JobKind.STYLIZE, JobState.RUNNING, 1, params, None, None, "sty_1", "me", "stylize", "t", 0,
        now, now, None,
    )  # fmt: skip
    photo = Image.new("RGB", (20, 20))
    inputs = JobInputs([], [photo, photo], styles=[StyleInput("sty_1", b"")])
    asked = iter([False, False, False, True])  # before and in each picture
    ends: list[tuple[int, Outcome | Exception]] = []
    compute(
        _Stops(),
        lambda data: data,
        [Work(job, inputs, lambda step: None, lambda: next(asked))],
        most=1,
        default_preview=None,
        done=lambda position, result: ends.append((position, result)),
    )
    assert [(position, type(result)) for position, result in ends] == [(0, JobStopped)]
