"""Answer a request with the bytes of an image."""

from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import Response

from app.files.download import stored_response
from app.images.tables import ImageRow
from app.infra.blobs import Blobs

_EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/apng": "png",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/matroska": "mkv",
    "video/webm": "webm",
}
MEDIA_TYPES = tuple(_EXTENSIONS)


async def image_response(
    request: Request, row: ImageRow, blobs: Blobs, *, headers: Mapping[str, str] | None = None
) -> Response:
    """Streamed from the blob store, or the range that is asked for; 304 when the client has it already.

    Raises BlobMissingError, RangeNotSatisfiableError.
    """
    extension = _EXTENSIONS.get(row.media_type, "bin")
    return await stored_response(request, row, extension, blobs, headers=headers)
