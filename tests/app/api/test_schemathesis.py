"""The running service keeps to its OpenAPI description, whatever is sent: all checks of Schemathesis."""

from __future__ import annotations

import pytest

from benchmarks.fuzz.contract import check_contract

pytestmark = pytest.mark.process


async def test_no_answer_that_the_description_does_not_allow():
    report = await check_contract(examples=2, seed=1)
    assert report.passed, report.output
    assert report.cases > 500
    assert "500" not in report.answers
    assert report.answers["202"] > 0  # some of it went through, and became jobs
