"""Calls of the service's HTTP interface for its tools: over the network, or to the application itself."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx

Upload = tuple[str, bytes]
"""A file's name and its bytes."""

_NAMED = {
    "data:text/": ".txt",
    "data:application/epub+zip": ".epub",
    "data:application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
}


class ApiRefusalError(Exception):
    """The service, or a tool itself, refuses; the text says why and what to do next."""


class ApiClient:
    """The calls that tools are made of, with the key of whoever calls them.

    ``address``: where the service is for readers of links. ``local_files``: files of this machine may be
    named by their paths, as whoever started this process may read them anyway.
    """

    def __init__(self, http: httpx.AsyncClient, address: str, *, local_files: bool = False) -> None:
        self._http = http
        self._address = address.rstrip("/")
        self.local_files = local_files

    async def get(self, path: str, **query: Any) -> dict[str, Any]:
        """The JSON of a call. Raises ApiRefusalError."""
        answer = await self._request("GET", path, params=query)
        found: dict[str, Any] = answer.json()
        return found

    async def submit(
        self,
        path: str,
        fields: Mapping[str, Any],
        files: Sequence[tuple[str, Upload]] = (),
        *,
        wait: int = 0,
    ) -> dict[str, Any]:
        """The JSON of a form that makes a job, after at most ``wait`` seconds. Fields that are None are left
        out. Raises ApiRefusalError."""
        data = {name: _text(value) for name, value in fields.items() if value is not None}
        headers = {"Prefer": f"wait={wait}", "Accept": "application/json"}
        answer = await self._request(
            "POST", path, data=data, files=list(files) or None, headers=headers, timeout=wait + 60.0
        )
        made: dict[str, Any] = answer.json()
        return made

    async def content(self, url: str) -> bytes:
        """What is at a link of the service. Raises ApiRefusalError."""
        return (await self._request("GET", self.link(url))).content  # the prefix of a proxy is in both

    async def small(self, picture: bytes, side: int) -> tuple[bytes, str]:
        """A picture scaled down to ``side`` pixels, and its media type; the service's decoder does it."""
        answer = await self._request(
            "POST", "/v1/images/plain", data={"size": str(side)}, files=[("file", ("picture", picture))]
        )
        return answer.content, answer.headers["content-type"]

    def link(self, url: str) -> str:
        """An address from the service's answers in full."""
        return urljoin(self._address, url)

    def upload(self, given: str, number: int) -> Upload:
        """The file that an argument stands for: base64, a ``data:`` URL, or a path where that is allowed.

        Raises ApiRefusalError.
        """
        if given.startswith("data:"):
            head, _, given = given.partition(",")
            return f"{number}{_suffix(head)}", _decoded(given)
        if self.local_files and (path := _existing(given)) is not None:
            return path.name, path.read_bytes()
        return str(number), _decoded(given)

    async def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = await self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise ApiRefusalError(no_answer(self._address, error)) from error
        if answer.is_success:
            return answer
        try:
            problem = answer.json()
            said = f"{problem['code']}: {problem['detail']}"
        except (ValueError, KeyError, TypeError):
            said = f"{answer.status_code}: the service cannot be used: try again later."
        raise ApiRefusalError(said)


def no_answer(address: str, error: httpx.HTTPError) -> str:
    """The sentence for a service that cannot be reached."""
    return (
        f"The service at {address} does not answer ({type(error).__name__}): check its address, or start it "
        "with `fewstroke serve`."
    )


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return [_text(item) for item in value] if isinstance(value, list) else str(value)


def _existing(given: str) -> Path | None:
    try:
        path = Path(given).expanduser()
        return path if path.is_file() else None
    except (OSError, ValueError, RuntimeError):  # base64, which is too long for a path; no home
        return None


def _suffix(head: str) -> str:
    """Of a ``data:`` URL, for what is told apart by its name."""
    return next((suffix for media_type, suffix in _NAMED.items() if head.startswith(media_type)), "")


def _decoded(given: str) -> bytes:
    try:
        return base64.b64decode("".join(given.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ApiRefusalError(
            f"{given[:40]!r} is no file: send its bytes in base64, or as a data: URL; a path works only "
            "where the tools run on the machine that has the file (`fewstroke mcp`)."
        ) from error
