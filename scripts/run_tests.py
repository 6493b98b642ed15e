"""Run the tests: ``python -m scripts.run_tests [ARGUMENTS OF PYTEST]``.

First, on all processors, those that start no processes; then one after the other those that do, since they
wait for processes which must not starve.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pytest

HALVES = (("-m", "not process", "-n", "auto", "--dist", "loadfile"), ("-m", "process"))
OK, FAILED, NONE = pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED


def run_tests(arguments: Sequence[str]) -> int:
    """Pytest's exit status for both halves; one of them may have no test that the arguments select."""
    outcomes = []
    for half in HALVES:
        outcome = pytest.main([*arguments, *half])
        if outcome not in (OK, FAILED, NONE):
            return outcome  # interrupted, or the arguments are wrong
        outcomes.append(outcome)
    if FAILED in outcomes:
        return FAILED
    return OK if OK in outcomes else NONE


if __name__ == "__main__":
    sys.exit(run_tests(sys.argv[1:]))
