"""What one job means for the engine."""

from __future__ import annotations

from datetime import UTC, datetime

from PIL import Image

from app.errors import StyleBaseMismatchError
from app.jobs.job import Job, JobKind, JobState
from app.worker.inputs import JobInputs, StyleInput
from app.worker.results import Outcome
from app.worker.run_batch import compute
from app.worker.work_item import JobStopped, WorkItem
from tests.support.fake_engine import FakeEngine


def test_a_job_stops_between_two_pictures() -> None:
    now = datetime.now(UTC)
    params = {"contents": ["img_1", "img_2"]}
    job = Job(
        "job_1", JobKind.STYLIZE, JobState.RUNNING, 1, params, None, None, "sty_1", "me", "stylize", "t", 0,
        now, now, None,
    )  # fmt: skip
    photo = Image.new("RGB", (20, 20))
    inputs = JobInputs([], [photo, photo], styles=[StyleInput("sty_1", b"")])
    asked = iter([False, True])  # before each picture
    ends: list[tuple[int, Outcome | Exception]] = []
    compute(
        FakeEngine("0" * 64),
        lambda data: data,
        [WorkItem(job, inputs, lambda step: None, lambda: next(asked))],
        most=1,
        default_preview=None,
        done=lambda position, result: ends.append((position, result)),
    )
    assert [(position, type(result)) for position, result in ends] == [(0, JobStopped)]


def test_a_style_that_was_outdated_meanwhile_names_the_way_out() -> None:
    now = datetime.now(UTC)
    params = {"contents": ["img_1"]}
    job = Job(
        "job_1", JobKind.STYLIZE, JobState.RUNNING, 1, params, None, None, "sty_1", "me", "stylize", "t", 0,
        now, now, None,
    )  # fmt: skip
    old = StyleInput("sty_1", b"", header={"base_hash": "1" * 64})
    inputs = JobInputs([], [Image.new("RGB", (20, 20))], styles=[old])
    ends: list[Outcome | Exception] = []
    compute(
        FakeEngine("0" * 64),
        lambda data: data,
        [WorkItem(job, inputs, lambda step: None, lambda: False)],
        most=1,
        default_preview=None,
        done=lambda position, result: ends.append(result),
    )
    (error,) = ends
    assert isinstance(error, StyleBaseMismatchError)
    assert "POST /v1/styles/sty_1/relearn" in error.detail
