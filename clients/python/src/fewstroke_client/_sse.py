"""Server-sent events, as the WHATWG's HTML standard describes them; no input or output."""

from __future__ import annotations

import json
from typing import Any

from fewstroke_client._decode import decode
from fewstroke_client._errors import UnexpectedAnswerError
from fewstroke_client._models import JobEvent, PreviewEvent, ProgressEvent, StateEvent, TextEvent

_KINDS: dict[str, type[Any]] = {
    "state": StateEvent,
    "progress": ProgressEvent,
    "preview": PreviewEvent,
    "text": TextEvent,
}


class EventParser:
    """Takes a stream's lines one by one. ``last_id`` is where a new connection is to go on: after the last
    event that came whole."""

    def __init__(self, last_id: str | None = None) -> None:
        self.last_id = last_id
        self._id = last_id
        self._kind = ""
        self._data: list[str] = []

    def feed(self, line: str) -> JobEvent | None:
        """The event that this line ends; None: it ends none, or one of a kind that is not known here."""
        kind, data = self.read(line) or ("", "")
        if kind not in _KINDS:
            return None
        try:
            fields = json.loads(data)
        except ValueError as error:
            raise UnexpectedAnswerError(f"A `{kind}` event holds no JSON.") from error
        found: JobEvent = decode(_KINDS[kind], {**fields, "id": self.last_id})
        return found

    def read(self, line: str) -> tuple[str, str] | None:
        """Kind and data of the event that this line ends, as they came; None: it ends none."""
        if line:
            name, _, value = line.partition(":")  # nothing before the colon: a comment, which keeps alive
            value = value.removeprefix(" ")
            if name == "event":
                self._kind = value
            elif name == "data":
                self._data.append(value)
            elif name == "id":
                self._id = value
            return None
        kind, data = self._kind, "\n".join(self._data)
        self._kind, self._data = "", []
        self.last_id = self._id
        return (kind, data) if data else None
