"""Load a job's inputs: pictures, other files and style files, by the ids in its ``params``."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from PIL import Image
from sqlalchemy import Select, bindparam, select

from app.errors import BlobMissingError
from app.files.tables import FileRow
from app.images.tables import ImageRow
from app.infra.blobs import Blobs
from app.infra.db import Sessions, table_of
from app.jobs.job import Job, JobKind
from app.provenance.copies import fingerprints
from app.styles.tables import StyleRow
from model.modality import IMAGE

_STYLES = table_of(StyleRow).c
_STYLE = select(_STYLES.blob_key, _STYLES.header, _STYLES.fingerprints).where(_STYLES.id == bindparam("id"))
_IMAGES, _WORKS = (
    select(table.c.id, table.c.blob_key).where(table.c.id.in_(bindparam("ids", expanding=True)))
    for table in (table_of(ImageRow), table_of(FileRow))
)

_MANIFESTS = select(table_of(ImageRow).c.id, table_of(ImageRow).c.manifest).where(
    table_of(ImageRow).c.id.in_(bindparam("ids", expanding=True))
)


@dataclass(frozen=True)
class StyleInput:
    """A style file, its share of the blend, and what its header says."""

    id: str
    data: bytes
    weight: float = 1.0
    header: Mapping[str, Any] = field(default_factory=dict)
    fingerprints: bytes | None = None  # of its examples, see ``app.provenance.copies``


@dataclass(frozen=True)
class JobInputs:
    """Decoded inputs: examples in RGB, contents in RGB or RGBA, the mask in RGB; the style files for
    ``stylize`` jobs: those to blend, and the one for the outside of the mask."""

    examples: list[Image.Image] = field(default_factory=list)
    contents: list[Image.Image] = field(default_factory=list)
    styles: list[StyleInput] = field(default_factory=list)
    outside: StyleInput | None = None
    mask: Image.Image | None = None
    clips: Mapping[str, bytes] = field(default_factory=dict)
    """Files of the contents that move, by image id; in ``contents`` stands their first frame."""
    manifests: Mapping[str, bytes] = field(default_factory=dict)
    """Of contents that came with one: an archive of their own manifest, by image id."""
    works: list[bytes] = field(default_factory=list)
    """Examples that are no pictures, as the decoder process wrote them."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Inputs of a generation, by field."""

    def fingerprints(self) -> bytes:
        """Of the examples that the job itself has, else of those of its styles, as far as they are known."""
        if self.examples:
            return fingerprints(self.examples)
        styles = [*self.styles, *([self.outside] if self.outside else [])]
        return b"".join(style.fingerprints or b"" for style in styles)


async def load_inputs(job: Job, sessions: Sessions, blobs: Blobs) -> JobInputs:
    """Read and decode (in a thread). Raises BlobMissingError when an input was deleted meanwhile."""
    params = job.params
    styles: list[StyleInput] = []
    outside: StyleInput | None = None
    if job.kind in (JobKind.STYLIZE, JobKind.GENERATE, JobKind.BATCH):
        parts = params.get("styles") or [{"id": params["style_id"], "weight": 1.0}]
        styles = [await _style(part["id"], part["weight"], sessions, blobs) for part in parts]
        if other := params.get("outside_style_id"):
            outside = await _style(other, 1.0, sessions, blobs)
    if job.modality != IMAGE:
        works, inputs = params.get("works", ()), params.get("inputs", {})
        files = await _files([*works, *inputs.values()], _WORKS, "File", sessions, blobs)
        return JobInputs(
            styles=styles,
            works=[files[file_id] for file_id in works],
            files={name: files[file_id] for name, file_id in inputs.items()},
        )
    masks = [params["mask"]] if params.get("mask") else []
    return JobInputs(
        examples=await _load(params.get("examples", ()), sessions, blobs),
        contents=await _load(params.get("contents", ()), sessions, blobs),
        styles=styles,
        outside=outside,
        mask=next(iter(await _load(masks, sessions, blobs)), None),
        manifests=await _manifests(params.get("manifests", ()), sessions),
        clips=await _files(tuple(params.get("clips") or ()), _IMAGES, "Image", sessions, blobs),
    )


async def _style(style_id: str, weight: float, sessions: Sessions, blobs: Blobs) -> StyleInput:
    row = await sessions.row(_STYLE, id=style_id)
    if row is None or row.blob_key is None:
        raise BlobMissingError(
            f"Style {style_id} of this job was deleted: submit the job again with another one."
        )
    return StyleInput(style_id, await blobs.get(row.blob_key), weight, row.header or {}, row.fingerprints)


async def _manifests(ids: Sequence[str], sessions: Sessions) -> dict[str, bytes]:
    if not ids:
        return {}
    return {row.id: row.manifest for row in await sessions.few(_MANIFESTS, ids=list(ids)) if row.manifest}


async def _load(ids: Sequence[str], sessions: Sessions, blobs: Blobs) -> list[Image.Image]:
    files = await _files(ids, _IMAGES, "Image", sessions, blobs)
    return [await asyncio.to_thread(_decode, files[image_id]) for image_id in ids]


async def _files(
    ids: Sequence[str], query: Select[*tuple[Any, ...]], what: str, sessions: Sessions, blobs: Blobs
) -> dict[str, bytes]:
    if not ids:
        return {}
    keys = {row.id: row.blob_key for row in await sessions.few(query, ids=list(ids))}
    files = {}
    for file_id in ids:
        if file_id not in keys:
            raise BlobMissingError(f"{what} {file_id} of this job was deleted: submit the request anew.")
        files[file_id] = await blobs.get(keys[file_id])
    return files


def _decode(data: bytes) -> Image.Image:
    # Stored images were normalised when they arrived: upright, sRGB, RGB or RGBA.
    with Image.open(BytesIO(data)) as image:
        image.load()
        return image.copy()
