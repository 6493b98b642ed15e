"""Simplified and traditional characters, through the package opencc."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from model.text.errors import StoriesUnavailableError


def to_traditional(text: str) -> str:
    """Simplified characters as traditional ones, word by word; raises ``StoriesUnavailableError``."""
    converted: str = _converter("s2t").convert(text)
    return converted


def to_simplified(text: str) -> str:
    """Traditional characters as simplified ones; raises ``StoriesUnavailableError``."""
    converted: str = _converter("t2s").convert(text)
    return converted


def is_simplified(text: str) -> bool:
    """More characters that only simplified writing has than such that only traditional writing has."""
    simple, full = to_simplified(text), to_traditional(text)
    traditional = sum(a != b for a, b in zip(text, simple, strict=False))
    return sum(a != b for a, b in zip(text, full, strict=False)) > traditional


@lru_cache(maxsize=2)
def _converter(name: str) -> Any:
    try:
        from opencc import OpenCC
    except ImportError as error:
        raise StoriesUnavailableError(
            "simplified characters need the package opencc: `pip install 'fewstroke[stories]'`"
        ) from error
    return OpenCC(name)
