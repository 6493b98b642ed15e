"""Log lines for people or as JSON, with the request and job that they are about, without secrets.

The standard library's logging, so that the lines of every library take the same form. What a line is about
(``request_id``, ``job_id``, ``worker_id``) is bound to the running task with ``log_context`` and joins every
line that is written meanwhile; more fields come through ``extra``.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal

from app.redaction import redact

LogFormat = Literal["console", "json"]

_form: LogFormat = "console"
_bound: ContextVar[Mapping[str, str]] = ContextVar("log_context", default={})  # noqa: B039 - never changed

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_CONSOLE = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # not tabs and line breaks; a terminal obeys them
_QUIET = 60.0  # s for which a warning is not said again
_REMEMBERED = 100  # warnings of one logger
_NOISY = ("alembic", "httpx", "httpcore", "asyncio", "aiosqlite")


@contextmanager
def log_context(**fields: str | None) -> Iterator[None]:
    """Bind fields to every line of this task, and of the tasks that it starts, until the block ends."""
    token = _bound.set({**_bound.get(), **{name: value for name, value in fields.items() if value}})
    try:
        yield
    finally:
        _bound.reset(token)


def bound(name: str) -> str | None:
    """A field that is bound at this moment."""
    return _bound.get().get(name)


def log_format() -> LogFormat:
    """What this process writes."""
    return _form


def reason(error: BaseException) -> str:
    """What an error says, in one line: one of the database without its statement, one without words by its
    kind."""
    said = getattr(error, "orig", None) or error
    return str(said).strip().partition("\n")[0] or type(error).__name__


class NotAgain(logging.Filter):
    """Says the same warning once a minute, with how often it would have been said: what waits for something
    that is away tries a few times a second, for hours. ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[str, tuple[float, int]] = {}  # text -> when, and how often since

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write it."""
        if record.levelno != logging.WARNING:
            return True
        text, now = record.getMessage(), self._clock()
        at, times = self._said.pop(text, (None, 0))
        if at is not None and now - at < _QUIET:
            self._said[text] = at, times + 1
            return False
        if times:
            record.msg, record.args = f"{text} ({times} times more in the meantime)", ()
        self._said[text] = now, 0
        if len(self._said) > _REMEMBERED:
            self._said.pop(next(iter(self._said)))
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, what is bound, what came with the line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
            **_bound.get(),
            **{
                name: redact(value) if isinstance(value, str) else value
                for name, value in vars(record).items()
                if name not in _STANDARD
            },
        }
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, default=str, ensure_ascii=False)


def _escaped(control: re.Match[str]) -> str:
    return f"\\x{ord(control.group()):02x}"


class ConsoleFormatter(logging.Formatter):
    """A line for people; what is bound stands at its end."""

    def __init__(self) -> None:
        super().__init__(_CONSOLE)

    def format(self, record: logging.LogRecord) -> str:
        text = _CONTROLS.sub(_escaped, redact(super().format(record)))
        first, *more = text.split("\n")
        about = " ".join(f"{name}={value}" for name, value in _bound.get().items() if value not in first)
        return "\n".join([f"{first} [{about}]" if about else first, *more])


def configure_logging(level: str = "INFO", form: LogFormat = "console") -> None:
    """Log to standard error, everything through one handler."""
    global _form
    _form = form
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else ConsoleFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
