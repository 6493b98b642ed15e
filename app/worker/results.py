"""Store a job's results: style file and images become visible with the state change or not at all.

Blobs are written first, under names that carry the attempt; their rows are written in the ledger's
transaction. A worker that was fenced out or canceled leaves no row, and takes its blobs away again; one
that never heard what became of its commit leaves them.
"""

import asyncio
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from PIL import Image
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.files.tables import FileRole, FileRow
from app.ids import new_id
from app.images.tables import ImageRole, ImageRow
from app.imaging.encode import encode
from app.imaging.formats import ClipFormat, OutputFormat
from app.infra.blob_keys import result_key, results_of
from app.infra.blobs import Blobs
from app.infra.db import insert_row, utcnow
from app.jobs.dials import dials_of
from app.jobs.job import Job, JobKind
from app.jobs.ledger import Ledger
from app.provenance.copies import COPY, agreement
from app.provenance.label import NO_LABEL, Label
from app.provenance.levels import Provenance
from app.provenance.signer import Claim, Signer
from app.provenance.watermark.embed import LEAST_SIDE, embed
from app.provenance.watermark.payload import Payload, result_code
from app.provenance.xmp import packet, tool
from app.styles.tables import StyleRow
from model.modality import Piece, ResultFile


@dataclass(frozen=True)
class StyleOutcome:
    """An adapted style: the file, and what its header says (JSON values; ``base_hash`` among them)."""

    data: bytes
    header: Mapping[str, Any]


@dataclass(frozen=True)
class ImageOutcome:
    """A rendered picture (RGB or RGBA) and the content it was made from (None: a photo of a batch)."""

    image: Image.Image
    content_id: str | None
    clip: "ClipOutcome | None" = None  # of a content that moves; ``image`` is its first frame
    manifest: bytes | None = None  # that the content came with, archived
    drawn: Image.Image | None = None  # greys: black where the photo stayed as it was; None: all is drawn
    label: Label = NO_LABEL  # that it is to have; frames of clips have it


@dataclass(frozen=True)
class ClipOutcome:
    """A rendered clip: the file."""

    data: bytes
    format: ClipFormat


@dataclass(frozen=True)
class ItemFailure:
    """A content of a batch that could not be rendered, and why; the others go on."""

    content_id: str
    code: str
    detail: str


@dataclass(frozen=True)
class Outcome:
    """All that a finished run produced. ``seconds`` is the worker's time for the run."""

    steps: int
    seconds: float
    losses: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # {"start": {...}, "end": {...}}
    style: StyleOutcome | None = None
    images: Sequence[ImageOutcome] = ()
    failures: Sequence[ItemFailure] = ()
    provenance: Mapping[str, Any] | None = None  # of the images, or of the pieces
    pieces: Sequence[Piece] = ()  # of a generation
    fingerprints: Callable[[], bytes] = bytes  # of the examples, see ``app.provenance.copies``
    batch: int = 1  # jobs that the worker computed together, this one among them


async def succeed_with(
    ledger: Ledger,
    blobs: Blobs,
    signer: Signer,
    job: Job,
    outcome: Outcome,
    *,
    watermark: int | None = None,
) -> bool:
    """Store what the run produced and mark the job as succeeded, in that order and in one transaction.

    ``watermark``: the service's number in the watermarks of its pictures; None: they get none.

    False: the attempt was fenced out, or the job is canceling or terminal; nothing stays behind.
    (A canceling job waits for ``Ledger.confirm_canceled``.)
    """
    async with blobs.provisional() as written:
        examples = await asyncio.to_thread(outcome.fingerprints)
        style_key = result_key(job.id, job.attempt, "style.safetensors")
        if outcome.style is not None:
            written.append(style_key)
            await blobs.put(style_key, outcome.style.data)
        rows: list[ImageRow] = []
        files: list[FileRow] = []
        for position, image in enumerate(outcome.images):
            row, data = await asyncio.to_thread(
                encode_result, signer, job, position, image, outcome.provenance, watermark, examples
            )
            written.append(row.blob_key)
            await blobs.put(row.blob_key, data)
            rows.append(row)

        shown = []
        for position, piece in enumerate(outcome.pieces):
            signed = await asyncio.to_thread(_signed, signer, piece.files, outcome.provenance or {})
            made = [_file_row(job, position, file) for file in signed]
            for file_row, file in zip(made, signed, strict=True):
                written.append(file_row.blob_key)
                await blobs.put(file_row.blob_key, file.data)
            files += made
            shown.append({"about": dict(piece.about), "files": [_shown(row) for row in made]})

        orphans: list[str] = []

        async def effects(session: AsyncSession) -> None:
            for each in (*rows, *files):
                await insert_row(session, each)
            if outcome.style is not None:
                orphans.extend(await _attach(session, job.style_id, style_key, outcome.style, examples))

        result = {
            "style_id": job.style_id,
            "images": [row.id for row in rows],
            "failures": [asdict(failure) for failure in outcome.failures],
            "losses": {name: _finite(values) for name, values in outcome.losses.items()},
            "steps": outcome.steps,
            "seconds": round(outcome.seconds, 3),
            "batch": outcome.batch,
        }
        if job.kind is JobKind.GENERATE:
            result["pieces"] = shown
        done = await ledger.succeed(job.id, job.attempt, result, effects=effects)
    # The winner clears what killed attempts left (the first had none before it, and need not look); a loser
    # clears what it wrote itself.
    stale = [] if done else written
    if done and job.attempt > 1:
        stale = [key for key in await blobs.keys(results_of(job.id)) if key not in written]
    await blobs.delete([*stale, *orphans])
    return done


async def _attach(
    session: AsyncSession, style_id: str | None, key: str, style: StyleOutcome, examples: bytes
) -> list[str]:
    """Give the style its file. The keys that nobody needs: of the file that it had before, if it was learned
    again; of the new one, if the style was deleted meanwhile."""
    before = await session.scalar(select(StyleRow.blob_key).where(StyleRow.id == style_id))
    attached = await session.scalar(
        update(StyleRow)
        .where(StyleRow.id == style_id)
        .values(
            blob_key=key,
            size_bytes=len(style.data),
            base_hash=style.header["base_hash"],
            header=dict(style.header),
            fingerprints=examples or None,
            ready_at=utcnow(),
        )
        .returning(StyleRow.id)
        .execution_options(synchronize_session=False)
    )
    if attached is None:
        return [key]
    return [before] if before is not None else []


def _finite(values: Mapping[str, float]) -> dict[str, float]:
    # JSON has no NaN and no infinity, and PostgreSQL refuses them: such a loss is not reported.
    return {name: value for name, value in values.items() if math.isfinite(value)}


def encode_result(
    signer: Signer,
    job: Job,
    position: int,
    result: ImageOutcome,
    provenance: Mapping[str, Any] | None,
    watermark: int | None,
    examples: bytes,
) -> tuple[ImageRow, bytes]:
    """The row of a result and its file: labelled, watermarked, encoded and signed. ``examples``: their
    fingerprints."""
    output = OutputFormat(job.params.get("format", OutputFormat.PNG))
    level = Provenance(job.params.get("provenance", Provenance.SIGNED))
    xmp = None
    if provenance is not None and result.label.record:
        provenance = {**provenance, "label": result.label.record}
    if provenance is not None and level is not Provenance.NONE:
        xmp = packet(tool(), provenance)
    media_type, extension = output.media_type, output.value
    picture = result.label.draw(result.image)
    number = None
    if watermark is not None and _is_marked(job, result, level):
        number = result_code(picture.tobytes())
        picture = embed(picture, Payload(watermark, number), result.drawn)
    if result.clip is not None:
        data = result.clip.data
        media_type, extension = result.clip.format.media_type, result.clip.format.suffix.removeprefix(".")
    else:
        data = encode(picture, output, quality=job.params.get("quality"), xmp=xmp)
    signed = level is Provenance.SIGNED and signer.signs(media_type)
    if signed:
        data = signer.sign(data, media_type, Claim(provenance or {}, parent=result.manifest))
    row = ImageRow(
        id=new_id("img"),
        owner=job.owner,
        job_id=job.id,
        role=ImageRole.RESULT,
        position=position,
        source_id=result.content_id,
        blob_key=result_key(job.id, job.attempt, f"{position}.{extension}"),
        media_type=media_type,
        width=result.image.width,
        height=result.image.height,
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        provenance=(
            {
                **provenance,
                "signed": signed,
                "watermark": number is not None,
                "nearest_example": _nearest(result.image, examples),
            }
            if provenance is not None
            else None
        ),
        watermark=number,
        created_at=utcnow(),
    )
    return row, data


def _nearest(image: Image.Image, examples: bytes) -> dict[str, Any] | None:
    """How near it comes to an example; None where nothing is known of them."""
    found = agreement(image, examples)
    return {"agreement": round(found, 3), "copy": found >= COPY} if found is not None else None


def _is_marked(job: Job, result: ImageOutcome, level: Provenance) -> bool:
    """Pictures that were redrawn, unless nothing is to say so: with no strength they are the photo, bit for
    bit. Frames of clips are not marked."""
    drawn = result.clip is None and dials_of(job.params).strength > 0
    return drawn and level is not Provenance.NONE and max(result.image.size) >= LEAST_SIDE


def _signed(signer: Signer, files: Sequence[ResultFile], record: Mapping[str, Any]) -> list[ResultFile]:
    """Files of a piece, with a manifest where their kind can hold one."""
    claim = Claim(record, composed=True)
    return [
        replace(file, data=signer.sign(file.data, file.media_type, claim))
        if signer.signs(file.media_type)
        else file
        for file in files
    ]


def _file_row(job: Job, position: int, file: ResultFile) -> FileRow:
    return FileRow(
        id=new_id("fil"),
        owner=job.owner,
        job_id=job.id,
        role=FileRole.RESULT,
        position=position,
        form=file.form,
        blob_key=result_key(job.id, job.attempt, f"{position}.{file.form}"),
        media_type=file.media_type,
        size_bytes=len(file.data),
        sha256=hashlib.sha256(file.data).hexdigest(),
        created_at=utcnow(),
    )


def _shown(row: FileRow) -> dict[str, Any]:
    return {"id": row.id, "form": row.form, "media_type": row.media_type, "size_bytes": row.size_bytes}
