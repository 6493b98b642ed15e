"""Begin requests by turns of those who send them, a few in each pass of the event loop.

A request does most of its work before it first waits for anything, and one that is refused all of it. Of a
hundred that come at the same moment all would begin in one pass, and what another owner's request waits for
at each of its steps would stand behind them.
"""

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from app.infra.fair_semaphore import FairSemaphore

_AT_ONCE, _EACH = 3, 2  # requests that begin in a pass: of all senders, and of one


class TurnsMiddleware:
    """Outside of everything else. ``sender``: whom a request counts for, found at no cost."""

    def __init__(self, app: ASGIApp, sender: Callable[[Scope], str]) -> None:
        self._app = app
        self._sender = sender
        self._turns = FairSemaphore(_AT_ONCE, each=_EACH)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._turns.begin(self._sender(scope))
        await self._app(scope, receive, send)
