"""Answer a request with the bytes of a stored file: a picture, a score, sound."""

from collections.abc import Mapping
from typing import Protocol

from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from app.http.byte_ranges import byte_range
from app.infra.blobs import Blobs


class StoredRow(Protocol):
    """What the rows of images and files have alike."""

    id: str
    blob_key: str
    media_type: str
    size_bytes: int
    sha256: str


async def stored_response(
    request: Request,
    row: StoredRow,
    extension: str,
    blobs: Blobs,
    *,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Streamed from the blob store, or the range that is asked for; 304 when the client has it already.

    Raises BlobMissingError, RangeNotSatisfiableError.
    """
    etag = f'"{row.sha256}"'
    common = {
        "ETag": etag,
        "Cache-Control": "private, max-age=300",  # for no longer is shown what was deleted
        "Vary": "Authorization",  # what one key may see, the next user of a browser may not
        **(headers or {}),
    }
    if request.method in ("GET", "HEAD") and _matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=common)
    part = None
    if request.method == "GET":
        asked = request.headers
        part = byte_range(asked.get("range"), asked.get("if-range"), size=row.size_bytes, etag=etag)
    start, end = part or (0, row.size_bytes)
    if part is not None:
        common["Content-Range"] = f"bytes {start}-{end - 1}/{row.size_bytes}"
    return StreamingResponse(
        await blobs.stream(row.blob_key, part),
        status_code=200 if part is None else 206,
        media_type=row.media_type,
        headers={
            **common,
            "Accept-Ranges": "bytes",
            "Content-Length": str(end - start),
            "Content-Disposition": f'inline; filename="{row.id}.{extension}"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )


def _matches(if_none_match: str | None, etag: str) -> bool:
    if not if_none_match:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or "*" in tags
