"""Votes in a file of JSON lines that only ever grows."""

import json
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.evaluation.blind.verdicts import Grade, Side, Verdict


@dataclass(frozen=True)
class Ballot:
    """All votes of a file that count: for every judge the last one on each pair."""

    by_judge: Mapping[str, Sequence[Verdict]]
    unreadable: int  # lines that a crash of the machine cut short


class VoteFile:
    """Appends votes on one set of pairs, each on the disk before ``append`` returns."""

    def __init__(self, path: Path, pairs: str) -> None:
        self._path, self._pairs = path, pairs
        self._lock = threading.Lock()

    def append(self, judge: str, verdict: Verdict) -> None:
        """Keep a vote. One of the same judge on the same pair replaces an earlier one when they are read.

        Raises:
            OSError: it could not be written.
        """
        line = {
            "set": self._pairs,
            "judge": judge,
            "pair": verdict.pair,
            "preferred": verdict.preferred,
            "left_grade": verdict.left_grade,
            "right_grade": verdict.right_grade,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        data = json.dumps(line, ensure_ascii=False).encode() + b"\n"
        with self._lock, self._path.open("ab") as file:
            if self._cut_short():
                data = b"\n" + data  # so that the rest of a line that was cut short takes no vote with it
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def _cut_short(self) -> bool:
        with self._path.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return False
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"

    def read(self) -> Ballot:
        """The votes on this set of pairs; none where there is no file yet."""
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            lines = []
        by_judge: dict[str, dict[int, Verdict]] = {}
        unreadable = 0
        for line in filter(None, lines):
            try:
                vote = json.loads(line)
                verdict = Verdict(
                    int(vote["pair"]),
                    Side(vote["preferred"]),
                    Grade(vote["left_grade"]),
                    Grade(vote["right_grade"]),
                )
                judge, pairs = str(vote["judge"]), vote["set"]
            except (ValueError, KeyError, TypeError):
                unreadable += 1
                continue
            if pairs == self._pairs:
                by_judge.setdefault(judge, {})[verdict.pair] = verdict
        return Ballot({judge: list(found.values()) for judge, found in by_judge.items()}, unreadable)
