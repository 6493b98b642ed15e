"""Fetch inputs by their addresses, from hosts that the operator allows and nowhere else.

Every connection goes to an address that was checked a moment before, as those of webhooks do
(:mod:`app.webhooks.ssrf`); a redirect is another address, and checked like the first. What comes is an upload
like any other from then on: what it is, the decoder process finds out.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from starlette.datastructures import UploadFile

from app.errors import (
    FileTooLargeError,
    InputUrlRefusedError,
    InputUrlsOffError,
    InputUrlTimeoutError,
    InputUrlUnreachableError,
    PayloadTooLargeError,
    WebhookUrlRefusedError,
)
from app.infra.errors import temp_files_unavailable
from app.infra.fair_semaphore import FairSemaphore
from app.settings import MIB, Settings
from app.validators import shortened
from app.webhooks.resolver import Resolver, asking_for
from app.webhooks.ssrf import AddressPolicy, Resolve, guarded_network

_AT_ONCE, _EACH = 16, 4  # fetches of one process, and of one owner
_REDIRECTS = 3
_IN_MEMORY = MIB  # bytes of a file; a larger one is in a temporary file
_MOVED = frozenset({301, 302, 303, 307, 308})
_OK = 200
_LONGEST = 2048  # letters of an address


@dataclass
class _Left:
    """Bytes that the addresses of a request may still bring."""

    bytes: int


class Fetcher:
    """Fetches files for requests. ``resolve``: instead of the system's resolver."""

    def __init__(
        self, settings: Settings, *, resolve: Resolve | None = None, ssl_context: Any = None
    ) -> None:
        self._settings = settings
        self._policy = AddressPolicy(settings.input_allowed_networks)
        self._resolve = resolve or Resolver().look_up
        self._ssl_context = ssl_context
        self._turns = FairSemaphore(_AT_ONCE, each=_EACH)
        self._pool: Any = None

    async def fetch(self, urls: Sequence[str], field: str, owner: str, max_bytes: int) -> list[UploadFile]:
        """The files at these addresses, in their order; ``max_bytes``: of all together.

        Raises InputUrlsOffError, InputUrlRefusedError, InputUrlUnreachableError, InputUrlTimeoutError,
        FileTooLargeError, PayloadTooLargeError, each about ``field`` and the address.
        """
        if not self._settings.input_hosts:
            raise InputUrlsOffError(
                f"This service fetches nothing: send files instead of `{field}`, or have the operator allow "
                "hosts (FEWSTROKE_INPUT_HOSTS).",
                field=field,
            )
        if self._pool is None:  # in a thread: the library and the certificates take a while to load
            self._pool = await asyncio.to_thread(self._open)
        left = _Left(max_bytes)
        files = [UploadFile(_new_file(), filename=_name(url), size=0) for url in urls]
        try:
            async with asyncio.TaskGroup() as group:
                for url, file in zip(urls, files, strict=True):
                    group.create_task(self._fetch(url, file, field, owner, left))
        except BaseException as error:
            for file in files:
                await file.close()
            if isinstance(error, BaseExceptionGroup):
                raise error.exceptions[0] from None
            raise
        return files

    async def _fetch(self, url: str, file: UploadFile, field: str, owner: str, left: _Left) -> None:
        self._check(url, field)  # before there is a turn to wait for
        seconds = self._settings.input_seconds
        async with self._turns.turn(owner):
            try:
                with asking_for(owner):
                    async with asyncio.timeout(seconds):
                        await self._follow(url, file, field, left)
            except TimeoutError as error:
                raise InputUrlTimeoutError(
                    f"`{field}`: {_shown(url)} did not come within {seconds:g} s: send the file itself.",
                    field=field,
                ) from error
            except WebhookUrlRefusedError as error:  # what the guard raises, about webhooks
                raise _private(url, field) from error
            except OSError as error:
                raise _unreachable(url, field, "no connection") from error
        await file.seek(0)

    async def _follow(self, url: str, file: UploadFile, field: str, left: _Left) -> None:
        for _ in range(_REDIRECTS + 1):
            async with self._get(url, field) as answer:
                if answer.status not in _MOVED:
                    await self._take(url, answer, file, field, left)
                    return
                location = _header(answer, b"location")
            url = urljoin(url, location)
            self._check(url, field)
        raise _unreachable(url, field, f"more than {_REDIRECTS} redirects")

    @asynccontextmanager
    async def _get(self, url: str, field: str) -> AsyncIterator[Any]:
        import httpcore

        headers = {"user-agent": "Fewstroke/1", "accept": "*/*", "accept-encoding": "identity"}
        try:
            async with self._pool.stream("GET", url, headers=headers) as answer:
                yield answer
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
            raise _unreachable(url, field, type(error).__name__) from error
        except (httpcore.TimeoutException, UnicodeError) as error:
            raise _unreachable(url, field, type(error).__name__) from error

    async def _take(self, url: str, answer: Any, file: UploadFile, field: str, left: _Left) -> None:
        if answer.status != _OK:
            raise _unreachable(url, field, f"status {answer.status}")
        if _header(answer, b"content-encoding") not in ("", "identity"):
            raise _unreachable(url, field, "it comes encoded although that was not asked for")
        size, most = 0, self._settings.max_upload_bytes
        async for piece in answer.aiter_stream():
            size += len(piece)
            left.bytes -= len(piece)
            if size > most:
                raise FileTooLargeError(
                    f"`{field}`: {_shown(url)} is larger than {most / MIB:g} MiB: send a smaller one.",
                    field=field,
                )
            if left.bytes < 0:
                raise PayloadTooLargeError(
                    f"The request and what its addresses bring are larger than "
                    f"{self._settings.max_request_bytes / MIB:g} MiB: name fewer or smaller files."
                )
            try:
                await file.write(piece)
            except OSError as error:
                raise temp_files_unavailable(error) from error

    def _open(self) -> Any:
        import httpcore

        # No cookies, no proxies from the environment; no connection is used twice, so that each resolves and
        # checks the name.
        return httpcore.AsyncConnectionPool(
            ssl_context=self._ssl_context,
            max_connections=None,
            max_keepalive_connections=0,
            network_backend=guarded_network(self._policy, self._resolve),
        )

    def _check(self, url: str, field: str) -> None:
        """What can be said without the network. Raises InputUrlRefusedError."""
        settings = self._settings
        try:
            parts = urlsplit(url)
            _ = parts.port  # raises for one that is no number
            host = (parts.hostname or "").rstrip(".")
        except ValueError as error:
            raise _refused(url, field, "is no address") from error
        if len(url) > _LONGEST or not url.isascii() or any(letter <= " " for letter in url):
            raise _refused(url, field, f"is no address of at most {_LONGEST} letters, escaped where need be")
        if parts.scheme != "https" and not (settings.input_allow_http and parts.scheme == "http"):
            raise _refused(url, field, "does not start with https://")
        if parts.username is not None or parts.password is not None:
            raise _refused(url, field, "holds a user or a password")
        if not _is_among(host, settings.input_hosts):
            raise _refused(url, field, f"is on the host {host[:100]}, which is not allowed")
        try:
            plain = SplitResult(parts.scheme, parts.netloc, parts.path, parts.query, "")
            self._policy.check_url(plain, allow_http=settings.input_allow_http)
        except WebhookUrlRefusedError as error:
            raise _private(url, field) from error

    async def close(self) -> None:
        """Close what is open."""
        if self._pool is not None:
            await self._pool.aclose()


def _new_file() -> BinaryIO:
    return SpooledTemporaryFile(_IN_MEMORY)  # type: ignore[return-value]


def _is_among(host: str, patterns: Sequence[str]) -> bool:
    for pattern in patterns:
        if pattern in ("*", host) or (pattern.startswith("*.") and host.endswith(pattern[1:])):
            return True
    return False


def _name(url: str) -> str:
    """The file's name, for what is told apart by its name and for the JSON of the result."""
    return PurePosixPath(unquote(urlsplit(url).path, errors="replace")).name if _parses(url) else ""


def _parses(url: str) -> bool:
    try:
        urlsplit(url)
    except ValueError:
        return False
    return True


def _header(answer: Any, name: bytes) -> str:
    found = next((value for key, value in answer.headers if key.lower() == name), b"")
    return bytes(found).decode("latin-1").strip()


def _shown(url: str) -> str:
    """Without what may be a secret: the query."""
    return shortened(url.partition("?")[0].partition("#")[0], 200)


def _refused(url: str, field: str, why: str) -> InputUrlRefusedError:
    return InputUrlRefusedError(
        f"`{field}`: {_shown(url)} {why}: use an address that the operator allows, or send the file itself.",
        field=field,
    )


def _private(url: str, field: str) -> InputUrlRefusedError:
    return _refused(url, field, "is not on the public internet")


def _unreachable(url: str, field: str, why: str) -> InputUrlUnreachableError:
    return InputUrlUnreachableError(
        f"`{field}`: {_shown(url)} could not be fetched ({why}): check the address, or send the file itself.",
        field=field,
    )
