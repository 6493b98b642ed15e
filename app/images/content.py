"""The bytes of an image as an HTTP answer."""

from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from app.images.tables import ImageRow
from app.infra.blobs import Blobs

_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}


async def image_response(
    request: Request, row: ImageRow, blobs: Blobs, *, headers: Mapping[str, str] | None = None
) -> Response:
    """Streamed from the blob store; 304 when the client has it already. Raises BlobMissingError."""
    etag = f'"{row.sha256}"'
    common = {
        "ETag": etag,
        "Cache-Control": "private, max-age=31536000, immutable",  # an id never gets other bytes
        "X-Content-Type-Options": "nosniff",
        **(headers or {}),
    }
    if request.method in ("GET", "HEAD") and _matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=common)
    return StreamingResponse(
        await blobs.stream(row.blob_key),
        media_type=row.media_type,
        headers={
            **common,
            "Content-Length": str(row.size_bytes),
            "Content-Disposition": f'inline; filename="{row.id}.{_EXTENSIONS.get(row.media_type, "bin")}"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )


def _matches(if_none_match: str | None, etag: str) -> bool:
    if not if_none_match:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or "*" in tags
