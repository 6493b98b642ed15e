"""Text that clients send and the database keeps, or looks for."""

from pydantic import AfterValidator


def _without_nul(value: str | None) -> str | None:
    if value is not None and "\0" in value:
        raise ValueError("a NUL character cannot be stored: leave it out")
    return value


STORABLE = AfterValidator(_without_nul)
"""For every text that reaches the database: PostgreSQL takes no NUL, so SQLite is given none either."""
