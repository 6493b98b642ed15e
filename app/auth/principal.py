"""The principal of a request: its owner, its key, and its scopes."""

from dataclasses import dataclass
from enum import StrEnum

LOCAL_OWNER = "local"
"""Whose things a service without keys makes."""


class Scope(StrEnum):
    """What a key may do; each is granted by itself."""

    READ = "read"  # look at one's own things
    WRITE = "write"  # make, change, cancel and delete them
    ADMIN = "admin"  # what concerns the whole service


ALL_SCOPES = frozenset(Scope)


@dataclass(frozen=True)
class Principal:
    """The one who sends a request. ``key_id`` None: nobody asked for a key (open mode)."""

    owner: str
    scopes: frozenset[Scope]
    key_id: str | None = None
    requests_per_minute: int | None = None  # None: the service's default; 0: no limit
