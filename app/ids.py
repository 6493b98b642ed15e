"""Make prefixed ULIDs: sortable by time, and readable as to what they name."""

from typing import Literal

from ulid import ULID

Prefix = Literal[
    "sty", "job", "img", "stz", "req", "key", "whk", "msg", "aud", "fil", "cmp", "poe", "sto", "txt", "bat",
]  # fmt: skip


def new_id(prefix: Prefix) -> str:
    """E.g. ``job_01JDXYZ…``: 26 characters of Crockford base 32 after the prefix."""
    return f"{prefix}_{ULID()}"
