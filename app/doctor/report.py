"""The result of a check: its state, what was found, and what to do."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"  # works, and may not for long, or not as meant
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One check: what was found, and how to mend it (empty when nothing is to be mended)."""

    check: str
    verdict: Verdict
    says: str
    mend: str = ""


class Trouble(Exception):  # noqa: N818 - a finding on its way up
    """A check found something: how bad, what, and how to mend it."""

    def __init__(self, verdict: Verdict, says: str, mend: str) -> None:
        super().__init__(says)
        self.verdict = verdict
        self.mend = mend
