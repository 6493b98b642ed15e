"""Compute many things at once; when that fails, halve them or try them one by one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from app.worker.failures import free_memory, is_out_of_memory

logger = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")


def split_on_failure(items: Sequence[T], run: Callable[[Sequence[T]], Sequence[R]]) -> list[R | Exception]:
    """``run(items)``, and when it raises, its parts: each item's result, or why it has none.

    Halves when an allocation failed, so that the batch finds its size; one by one after any other error, so
    that it strikes the item it belongs to and no other.
    """
    try:
        return list(run(items))
    except Exception as error:
        if len(items) == 1:
            return [error]
        out_of_memory = is_out_of_memory(error)
        logger.warning(
            "%d together failed; now %s",
            len(items),
            "in halves" if out_of_memory else "one by one",
            exc_info=error,
        )
    # Not before the error and its traceback are gone: they hold the tensors of the pass that failed.
    if out_of_memory:
        free_memory()
    size = (len(items) + 1) // 2 if out_of_memory else 1
    return [
        result for at in range(0, len(items), size) for result in split_on_failure(items[at : at + size], run)
    ]
