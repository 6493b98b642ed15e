"""When a request is sent again, and how long before."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

_AGAIN = frozenset({429, 502, 503})
_IN_FLIGHT = "idempotency_key_in_use"


@dataclass(frozen=True, slots=True)
class Retries:
    """``attempts`` in all; pauses grow from ``first_pause`` to ``longest_pause`` seconds, with full jitter.

    A ``Retry-After`` of the service is obeyed instead, unless it is beyond ``patience`` seconds: then the
    error is raised at once.
    """

    attempts: int = 5
    first_pause: float = 0.5
    longest_pause: float = 8.0
    patience: float = 60.0

    def after_error(self, attempt: int) -> float | None:
        """Seconds to wait after the connection failed in ``attempt`` (from 1); None: give up."""
        if attempt >= self.attempts:
            return None
        return random.uniform(0.5, 1.0) * min(self.longest_pause, self.first_pause * 2.0 ** (attempt - 1))

    def after_answer(self, attempt: int, status: int, code: str, retry_after: float | None) -> float | None:
        """The same after an answer; None: it is final."""
        if status not in _AGAIN and code != _IN_FLIGHT:
            return None
        if retry_after is not None and retry_after > self.patience:
            return None
        pause = self.after_error(attempt)
        return pause if pause is None or retry_after is None else retry_after


def retry_after(headers: httpx.Headers) -> float | None:
    """The header in seconds, be it a number or a date."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
