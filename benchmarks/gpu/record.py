"""What has been measured so far, on disk after every row: a run that is cut off keeps its rows."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.report import LATE, page

Row = dict[str, Any]


class Record:
    """A document that grows; ``out``: folder for ``gpu.json`` and ``gpu.md``, None: only in memory.

    ``seconds``: how long all sections may take together.
    """

    def __init__(
        self, about: dict[str, Any], out: Path | None, seconds: float, tell: Callable[[str], None]
    ) -> None:
        self.document: dict[str, Any] = {**about, "sections": {}, "errors": []}
        self._out, self._tell = out, tell
        self._began, self._seconds = time.monotonic(), seconds
        self._until = 1.0  # the part of the time after which the present section ends
        self._name = ""
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)

    @property
    def spent(self) -> float:
        """Seconds since the first section could begin."""
        return time.monotonic() - self._began

    def late(self) -> bool:
        """Whether the present section has had its time."""
        return self.spent > self._until * self._seconds

    @contextmanager
    def section(self, name: str, until: float) -> Iterator[None]:
        """A section that ends when ``until`` (0..1) of the time is over; what it raises is recorded."""
        self._name, self._until = name, until
        self.document["sections"].setdefault(name, [])
        self._tell(f"[{self.spent:5.1f} s] {name}")
        try:
            yield
        except Exception:
            self.error(traceback.format_exc(limit=-6))

    def add(self, row: Row) -> None:
        """A row of the present section."""
        self.document["sections"][self._name].append(row)
        self._tell(f"[{self.spent:5.1f} s]   {_short(row)}")
        self._write()

    def tried(self, row: Row, key: str, call: Callable[[], Row]) -> None:
        """Add what ``call`` finds to the row; when it fails, why, under ``key``."""
        try:
            row.update(call())
        except Exception as error:
            row[f"{key}_error"] = _reason(error)
            if isinstance(error, torch.OutOfMemoryError):
                torch.cuda.empty_cache()

    def skipped(self, what: str) -> None:
        """Tell what the time did not suffice for."""
        self.error(f"{LATE}{what}")

    def error(self, text: str) -> None:
        """Something that went wrong in the present section."""
        self.document["errors"].append({"section": self._name, "text": text})
        self._tell(text)
        self._write()

    def _write(self) -> None:
        self.document["spent_seconds"] = round(self.spent, 1)
        if self._out is None:
            return
        for name, text in (
            ("gpu.json", json.dumps(self.document, indent=1) + "\n"),
            ("gpu.md", page(self.document)),
        ):
            part = self._out / f".{name}.part"
            part.write_text(text)
            part.replace(self._out / name)


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:300]}"


def _short(row: Row) -> str:
    return ", ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in row.items()
        if not isinstance(value, list | dict)
    )
