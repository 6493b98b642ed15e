"""Validators of stored text: they reject NUL, which PostgreSQL cannot store."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import AfterValidator


def _without_nul(value: str | None) -> str | None:
    if value is not None and "\0" in value:
        raise ValueError("a NUL character cannot be stored: leave it out")
    return value


STORABLE = AfterValidator(_without_nul)
"""For every text that reaches the database: PostgreSQL takes no NUL, so SQLite is given none either."""


def pydantic_says(error: Mapping[str, Any]) -> str:
    """The sentence of one of Pydantic's errors; of a validator of ours the sentence that it has raised."""
    return str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")


def shortened(text: str, most: int, size: Callable[[str], int] = len) -> str:
    """The text, or as much of its beginning and of its end as is no larger than ``most`` together: what tells
    names apart stands at their end more often than in their middle."""
    kept, result = min(len(text), most), text  # no letter is smaller than one: a huge text is cut at once
    while size(result) > most:
        kept -= 1
        end = kept // 2
        result = f"{text[: kept - end]}…{text[len(text) - end :]}"
    return result


def utf8_bytes(text: str) -> int:
    """How many a text has in UTF-8; half characters, of names that are not UTF-8, count as well."""
    return len(text.encode(errors="surrogateescape"))
