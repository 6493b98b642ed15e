"""Send one message to a webhook, once."""

import asyncio
import errno
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from app.errors import WebhookUrlRefusedError
from app.http.content_negotiation import whole_number
from app.infra.db import utcnow
from app.webhooks.resolver import NameUnresolvedError, Resolver, asking_for
from app.webhooks.signing import signed_headers
from app.webhooks.ssrf import AddressPolicy, Resolve, guarded_network

_NO_SOCKET = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
GONE = 410
"""Status by which a receiver says that it wants no more messages."""


@dataclass(frozen=True)
class Answer:
    """What came of an attempt: a status, or the error that kept one from coming."""

    status: int | None
    error: str | None
    milliseconds: int
    retry_after: float | None = None  # s; what the other side asks for
    ours: bool = False  # the attempt did not begin, for a reason on this side

    @property
    def ok(self) -> bool:
        """Any 2xx. A redirect is not followed and counts as a failure."""
        return self.status is not None and 200 <= self.status < 300


class Sender:
    """Posts messages. ``seconds`` bounds an attempt as a whole."""

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        seconds: float,
        resolve: Resolve | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._policy = policy
        self._seconds = seconds
        self._resolve = resolve or Resolver().look_up
        self._ssl_context = ssl_context
        self._pool: Any = None

    def _open(self) -> Any:
        import httpcore

        # httpcore itself: no redirects, no cookies, no proxies from the environment. No connection is used
        # twice, so that each attempt resolves and checks the name.
        return httpcore.AsyncConnectionPool(
            ssl_context=self._ssl_context,
            max_connections=None,
            max_keepalive_connections=0,
            network_backend=guarded_network(self._policy, self._resolve),
        )

    async def send(self, url: str, secret: str, message_id: str, body: str, *, owner: str = "") -> Answer:
        """Post the message of an owner. Never raises for what the other side or the network does."""
        headers = {
            "content-type": "application/json",
            "user-agent": "Fewstroke-Webhooks/1",
            **signed_headers(secret, message_id, int(time.time()), body),
        }
        if self._pool is None:  # in a thread: the library and the certificates take a while to load
            self._pool = await asyncio.to_thread(self._open)
        started = time.perf_counter()
        status, problem, pause, ours = None, None, None, False
        try:
            with asking_for(owner):
                async with asyncio.timeout(self._seconds):
                    # The answer's body is not read: it would tell its reader what stands behind the address.
                    async with self._pool.stream(
                        "POST", url, headers=headers, content=body.encode()
                    ) as answer:
                        status, pause = answer.status, _retry_after(answer.headers)
        except TimeoutError:
            problem = f"no answer within {self._seconds:g} seconds"
        except WebhookUrlRefusedError as error:
            problem = error.detail
        except Exception as error:  # whatever a foreign server or a resolver comes up with
            problem = f"{type(error).__name__}: {error}"[:200]
            ours = _is_ours(error)
        return Answer(status, problem, round((time.perf_counter() - started) * 1000), pause, ours)

    async def close(self) -> None:
        """Close what is open."""
        if self._pool is not None:
            await self._pool.aclose()


def _retry_after(headers: Sequence[tuple[bytes, bytes]]) -> float | None:
    """The header in seconds, be it a number or a date (RFC 9110)."""
    said = next((value for name, value in headers if name.lower() == b"retry-after"), b"")
    text = said.decode("latin-1").strip()
    if (seconds := whole_number(text)) is not None:
        return float(seconds)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - utcnow()).total_seconds())


def _is_ours(error: BaseException | None) -> bool:
    """Whether no connection was tried: a name could not be asked for, or this process had no socket."""
    while error is not None:
        if isinstance(error, NameUnresolvedError) or getattr(error, "errno", None) in _NO_SOCKET:
            return True
        error = error.__cause__ or error.__context__
    return False
