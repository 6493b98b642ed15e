"""Server-sent events in tests, read by the client's parser."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from fewstroke_client._sse import EventParser


def parse_sse(lines: Iterable[str]) -> list[dict[str, Any]]:
    """Events of a text/event-stream body: ``{"id", "event", "data"}``."""
    parser = EventParser()
    return [
        {"id": parser.last_id, "event": found[0], "data": json.loads(found[1])}
        for line in lines
        if (found := parser.read(line)) is not None
    ]
