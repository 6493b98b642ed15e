"""``make test``: two halves, one exit status."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripts.run_tests import FAILED, NONE, OK, run_tests

INTERRUPTED = pytest.ExitCode.INTERRUPTED


@pytest.mark.parametrize(
    ("halves", "status"),
    [
        ((OK, OK), OK),
        ((FAILED, OK), FAILED),
        ((OK, FAILED), FAILED),
        ((NONE, OK), OK),
        ((OK, NONE), OK),
        ((NONE, FAILED), FAILED),
        ((NONE, NONE), NONE),
        ((INTERRUPTED,), INTERRUPTED),
    ],
)
def test_one_exit_status_for_both_halves(
    monkeypatch: pytest.MonkeyPatch, halves: tuple[pytest.ExitCode, ...], status: pytest.ExitCode
) -> None:
    outcomes: Iterator[pytest.ExitCode] = iter(halves)
    called: list[list[str]] = []

    def main(arguments: list[str]) -> pytest.ExitCode:
        called.append(arguments)
        return next(outcomes)

    monkeypatch.setattr("pytest.main", main)
    assert run_tests(["-k", "name"]) == status
    assert [arguments[:2] for arguments in called] == [["-k", "name"]] * len(halves)
    marks = [arguments[arguments.index("-m") + 1] for arguments in called]
    assert marks == ["not process", "process"][: len(halves)]
