"""``/`` and ``/assets``: the studio's page and the files that it loads."""

import gzip
import hashlib
import json
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse

from app.errors import NotFoundError

STATIC = Path(__file__).parent / "static"
PICTURES = Path(__file__).parent / "pictures"

PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",  # chosen files and results; previews
        "media-src blob:",  # compositions
        "connect-src 'self' blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)

_TEXT = frozenset({".css", ".html", ".js", ".svg"})
_FOR_EVER = "public, max-age=31536000, immutable"  # a file's name changes with its content
_ASK_FIRST = "no-cache"

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class _Text:
    """A small file in memory, as it is and compressed."""

    plain: bytes
    compressed: bytes
    media_type: str
    etag: str


@router.api_route("/", methods=["GET", "HEAD"])
async def page(request: Request) -> Response:
    """The studio."""
    return _text(request, STATIC / "index.html", _ASK_FIRST, {"Content-Security-Policy": PAGE_POLICY})


@router.api_route("/assets/{name}", methods=["GET", "HEAD"])
async def asset(request: Request, name: Annotated[str, PathParameter(max_length=200)]) -> Response:
    """A file of the studio."""
    path = _assets().get(name)
    if path is None:
        raise NotFoundError("There is no such file: reload the page, which names the current ones.")
    if path.suffix in _TEXT:
        return _text(request, path, _FOR_EVER, {})
    return FileResponse(path, headers={"Cache-Control": _FOR_EVER, "X-Content-Type-Options": "nosniff"})


@cache
def _assets() -> dict[str, Path]:
    """By the names that the page knows; pictures are not copied by the build, which lists them."""
    pictures = json.loads((STATIC / "pictures.json").read_text())
    found = {path.name: path for path in (STATIC / "assets").iterdir()}
    return found | {name: PICTURES / path for name, path in pictures.items()}


@cache
def _load(path: Path) -> _Text:
    plain = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "text/plain"
    return _Text(
        plain=plain,
        compressed=gzip.compress(plain, compresslevel=9, mtime=0),
        media_type="text/javascript" if path.suffix == ".js" else kind,
        etag=hashlib.sha256(plain).hexdigest()[:32],
    )


def _text(request: Request, path: Path, caching: str, more: dict[str, str]) -> Response:
    text = _load(path)
    squeezed = "gzip" in request.headers.get("accept-encoding", "").lower()
    etag = f'"{text.etag}{"-gz" if squeezed else ""}"'
    headers = {
        "Cache-Control": caching,
        "ETag": etag,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        **more,
    }
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if squeezed:
        headers["Content-Encoding"] = "gzip"
    return Response(text.compressed if squeezed else text.plain, media_type=text.media_type, headers=headers)
