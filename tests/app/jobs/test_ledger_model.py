"""The ledger against a model of it: whatever workers, users and crashes do in whatever order.

The model knows one job: its state, its newest attempt, and how many attempts were given back. Every
answer of the ledger must be the model's.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.errors import JobNotCancelableError
from app.ids import new_id
from app.infra.db import create_engine, create_sessions
from app.job_hooks import JOB_HOOKS
from app.jobs.job import JobKind, JobState
from app.jobs.ledger import Ledger, NewJob
from app.settings import Settings

MAX_ATTEMPTS = 3
RESULT: dict[str, Any] = {"style_id": None, "images": [], "losses": {}, "steps": 1, "seconds": 0.1}
tokens = st.integers(min_value=0, max_value=9)  # any attempt number that a worker might hold


def machine(template: Path) -> type[RuleBasedStateMachine]:
    class LedgerMachine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.folder = Path(tempfile.mkdtemp())
            shutil.copy(template, self.folder / "test.db")
            self.runner = asyncio.Runner()
            url = Settings(database_url=f"sqlite:///{self.folder}/test.db").database
            self.engine = create_engine(url)
            self.ledger = Ledger(create_sessions(self.engine), JOB_HOOKS, max_attempts=MAX_ATTEMPTS)
            self.id = new_id("job")
            self.runner.run(self.ledger.create(NewJob(self.id, JobKind.ADAPT, {})))
            self.state, self.attempt, self.released = JobState.QUEUED, 0, 0

        def teardown(self) -> None:
            self.runner.run(self.engine.dispose())
            self.runner.close()
            shutil.rmtree(self.folder)

        @rule()
        def a_message_is_delivered(self) -> None:
            begun = self.runner.run(self.ledger.begin(self.id, "w"))
            if self.state in (JobState.QUEUED, JobState.RUNNING):
                if self.attempt - self.released < MAX_ATTEMPTS:
                    self.state, self.attempt = JobState.RUNNING, self.attempt + 1
                    assert begun is not None
                    assert begun.attempt == self.attempt
                    return
                self.state = JobState.FAILED
            elif self.state is JobState.CANCELING:
                self.state = JobState.CANCELED
            assert begun is None

        @rule(token=tokens)
        def a_worker_succeeds(self, token: int) -> None:
            expected = self.state is JobState.RUNNING and token == self.attempt
            assert self.runner.run(self.ledger.succeed(self.id, token, RESULT)) is expected
            self.state = JobState.SUCCEEDED if expected else self.state

        @rule(token=tokens)
        def a_worker_fails(self, token: int) -> None:
            running = self.state in (JobState.RUNNING, JobState.CANCELING)
            expected = running and token == self.attempt
            done = self.runner.run(self.ledger.fail(self.id, token, code="job_failed", detail="No: again."))
            assert done is expected
            self.state = JobState.FAILED if expected else self.state

        @rule(token=tokens)
        def a_worker_stops(self, token: int) -> None:
            expected = self.state is JobState.RUNNING and token == self.attempt
            assert self.runner.run(self.ledger.release(self.id, token)) is expected
            if expected:
                self.state, self.released = JobState.QUEUED, self.released + 1

        @rule(token=tokens)
        def a_worker_confirms(self, token: int) -> None:
            expected = self.state is JobState.CANCELING and token == self.attempt
            assert self.runner.run(self.ledger.confirm_canceled(self.id, token)) is expected
            self.state = JobState.CANCELED if expected else self.state

        @rule()
        def a_user_cancels(self) -> None:
            if self.state.terminal:
                with pytest.raises(JobNotCancelableError):
                    self.runner.run(self.ledger.request_cancel(self.id))
                return
            queued = self.state is JobState.QUEUED
            self.state = JobState.CANCELED if queued else JobState.CANCELING
            assert self.runner.run(self.ledger.request_cancel(self.id)).state is self.state

        @precondition(lambda self: self.attempt > 0)  # else most runs would end here at once
        @rule()
        def time_passes(self) -> None:
            expired = self.runner.run(self.ledger.expire(timedelta(seconds=-1)))
            assert [job.id for job in expired] == ([self.id] if self.state is JobState.QUEUED else [])
            self.state = JobState.EXPIRED if expired else self.state

        @invariant()
        def the_ledger_says_so(self) -> None:
            job = self.runner.run(self.ledger.get(self.id))
            assert (job.state, job.attempt) == (self.state, self.attempt)
            assert (job.finished_at is not None) == job.state.terminal
            assert (job.result is not None) == (job.state is JobState.SUCCEEDED)
            assert (job.error is not None) == (job.state.terminal and job.state is not JobState.SUCCEEDED)

    return LedgerMachine


def test_the_ledger_behaves_like_its_model(sqlite_template: Path) -> None:
    run_state_machine_as_test(
        machine(sqlite_template),
        settings=settings(
            max_examples=15,
            database=None,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
