"""Requests, sent until they are answered for good."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx

from fewstroke_client import _sleep
from fewstroke_client._errors import ApiError, ConnectionFailedError, UnexpectedAnswerError, api_error
from fewstroke_client._files import Upload
from fewstroke_client._retry import Retries, retry_after

DEFAULT_URL = "http://127.0.0.1:8000"


class AsyncConnection:
    """One service, one key."""

    def __init__(
        self,
        base_url: str | None,
        api_key: str | None,
        *,
        timeout: float,
        retries: Retries,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        key = (api_key if api_key is not None else os.environ.get("FEWSTROKE_KEY") or "").strip()
        self._retries = retries
        self._http = httpx.AsyncClient(
            base_url=base_url or os.environ.get("FEWSTROKE_URL") or DEFAULT_URL,
            headers={
                "User-Agent": "fewstroke-client/0.1.0",
                **({"Authorization": f"Bearer {key}"} if key else {}),
            },
            timeout=timeout,
            transport=transport,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        data: Mapping[str, Any] | None = None,
        upload: Upload | None = None,
        ok: tuple[int, ...] = (),
        gone: bool = False,
    ) -> httpx.Response:
        """The answer, of 2xx or one of ``ok``. Must be harmless when sent twice.

        ``gone``: a 404 to a request whose answer was lost before is what was wanted.
        Raises ApiError, ConnectionFailedError.
        """
        attempt, lost = 0, False
        while True:
            attempt += 1
            try:
                response = await self._http.request(
                    method,
                    path,
                    params=params,
                    headers=headers,
                    json=json,
                    data=data,
                    files=upload.parts() if upload is not None else None,
                )
            except httpx.TransportError as error:
                pause, lost = self._pause_after(error, attempt), True
            else:
                if gone and lost and response.status_code == 404:
                    return response
                if response.is_success or response.status_code in ok:
                    return response
                pause = self._pause_or_raise(response, attempt)
            await _sleep.async_sleep(pause)

    async def json(self, method: str, path: str, **how: Any) -> Any:
        """The answer's JSON."""
        response = await self.request(method, path, **how)
        try:
            return response.json()
        except ValueError as error:
            raise UnexpectedAnswerError(f"{response.url} answered no JSON.") from error

    @asynccontextmanager
    async def stream(
        self, path: str, *, headers: Mapping[str, str] | None = None, read_timeout: float | None = None
    ) -> AsyncIterator[httpx.Response]:
        """The answer to one GET, unread. Raises ApiError, httpx.TransportError."""
        timeout = self._http.timeout
        if read_timeout is not None:
            timeout = httpx.Timeout(**(timeout.as_dict() | {"read": read_timeout}))
        async with self._http.stream("GET", path, headers=headers, timeout=timeout) as response:
            if not response.is_success:
                await response.aread()
                raise _error(response)
            yield response

    async def download(self, path: str, target: str | os.PathLike[str]) -> None:
        """Write the body into a file, which appears when it is complete."""
        part = f"{os.fspath(target)}.part"
        attempt = 0
        try:
            while True:
                attempt += 1
                try:
                    async with self.stream(path) as response:
                        with open(part, "wb") as file:  # noqa: ASYNC230 - a chunk takes microseconds
                            async for chunk in response.aiter_bytes():
                                file.write(chunk)
                    break
                except httpx.TransportError as error:
                    pause = self._pause_after(error, attempt)
                except ApiError as error:
                    pause = self._pause_after_refusal(error, attempt)
                await _sleep.async_sleep(pause)
            os.replace(part, target)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(part)

    def _pause_after(self, error: httpx.TransportError, attempt: int) -> float:
        pause = self._retries.after_error(attempt)
        if pause is None:
            what = str(error) or type(error).__name__
            raise ConnectionFailedError(
                f"{self._http.base_url} did not answer in {attempt} attempts ({what})."
            ) from error
        return pause

    def _pause_or_raise(self, response: httpx.Response, attempt: int) -> float:
        return self._pause_after_refusal(_error(response), attempt)

    def _pause_after_refusal(self, error: ApiError, attempt: int) -> float:
        pause = self._retries.after_answer(attempt, error.status, error.code, error.retry_after)
        if pause is None:
            raise error
        return pause


def _error(response: httpx.Response) -> ApiError:
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):  # a proxy's page
        problem = {"title": f"HTTP status {response.status_code} from {response.url}"}
    return api_error(response.status_code, problem, retry_after(response.headers))
