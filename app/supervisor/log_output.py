"""Print the lines of all child processes, each behind its process's coloured name."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime

from app.infra.logs import LogFormat
from app.redaction import redact

_COLOURS = ("36", "33", "35", "32", "34", "31")  # ANSI foregrounds; cyan first
_WIDTH = 9
_CHUNK = 64 * 1024


class LogOutput:
    """Writes to standard error; colours only on a terminal, and not with NO_COLOR set.

    With the format ``json`` every line is one JSON object. A line that cannot be written (the disk of the
    log is full, its reader is gone) is dropped: the service does not depend on its log.
    """

    def __init__(self, form: LogFormat = "console") -> None:
        self._json = form == "json"
        self._colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
        self._names: dict[str, str] = {}

    def warning(self, name: str, text: str) -> None:
        """As ``line``, for what somebody should look after."""
        self.line(name, text, level="warning")

    def line(self, name: str, text: str, *, level: str = "info") -> None:
        """One line of ``name``."""
        text = redact(text)
        if self._json:
            self._write_json(name, text, level)
            return
        prefix = f"{name:<{_WIDTH}} |"
        if self._colour:
            code = self._names.setdefault(name, _COLOURS[len(self._names) % len(_COLOURS)])
            prefix = f"\x1b[{code}m{prefix}\x1b[0m"
        _write(f"{prefix} {text}\n")

    def _write_json(self, name: str, text: str, level: str) -> None:
        """A child's own JSON line as it is; everything else in the same form."""
        if not text.startswith("{"):
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            text = json.dumps({"time": now, "level": level, "logger": name, "message": text})
        _write(f"{text}\n")

    async def pump(self, name: str, stream: asyncio.StreamReader) -> None:
        """Copy a child's output line by line until it ends. Lines of any length pass."""
        rest = b""
        while chunk := await stream.read(_CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self.line(name, line.decode(errors="replace").rstrip("\r"))
            if len(rest) > _CHUNK:
                self.line(name, rest.decode(errors="replace"))
                rest = b""
        if rest:
            self.line(name, rest.decode(errors="replace"))


def _write(text: str) -> None:
    with suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()
