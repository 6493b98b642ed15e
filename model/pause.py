"""Where a long computation can be interrupted for a short one: whoever calls it says what happens there.

An adaptation reaches a pause before each work that it looks at, before each photo that it draws, and before
each step and each judgement: at places where no gradient is being recorded and no autocast is on. ::

    with at_pauses(render_what_waits):
        engine.adapt(examples)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_call: ContextVar[Callable[[], None] | None] = ContextVar("at_pauses", default=None)


@contextmanager
def at_pauses(call: Callable[[], None] | None) -> Iterator[None]:
    """Have ``call`` called at every pause inside, in the same thread; what it raises is raised there."""
    token = _call.set(call)
    try:
        yield
    finally:
        _call.reset(token)


def pause() -> None:
    """Here another computation may come in between. What is called has no pauses itself."""
    call = _call.get()
    if call is not None:
        with at_pauses(None):
            call()
