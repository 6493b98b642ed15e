"""Turn a batch's row and its job into JSON, and its pictures into an archive."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any

from app.batches.repository import Picture, count_items, list_failures
from app.batches.schemas import SHOWN_ERRORS, BatchCounts, BatchError, BatchOut
from app.batches.tables import BatchItemRow, BatchRow
from app.infra.db import Sessions
from app.jobs.job import Job
from app.jobs.schemas import JobError, JobOut
from app.styles.schemas import StyleShare
from app.stylizations.serializers import picture_settings
from app.submission.zip_stream import Member, safe_stem

ERRORS, RESULTS = "errors.jsonl", "results.jsonl"


async def present_all(sessions: Sessions, found: Sequence[tuple[BatchRow, Job]]) -> list[BatchOut]:
    """Batches on the wire."""
    counts = await count_items(sessions, [row.id for row, _ in found])
    return [await _batch_out(sessions, row, job, *counts.get(row.id, (0, 0))) for row, job in found]


async def present(sessions: Sessions, row: BatchRow, job: Job) -> BatchOut:
    """One of them."""
    (shown,) = await present_all(sessions, [(row, job)])
    return shown


async def _batch_out(sessions: Sessions, row: BatchRow, job: Job, made: int, failed: int) -> BatchOut:
    failures = await list_failures(sessions, row.id, SHOWN_ERRORS) if failed else []
    return BatchOut(
        id=row.id,
        style_id=row.style_id,
        styles=[StyleShare(**share) for share in job.params["styles"]],
        settings=picture_settings(job.params),
        created_at=row.created_at,
        expires_at=row.expires_at,
        job=JobOut.of(job),
        counts=BatchCounts(total=row.photos, succeeded=made, failed=failed),
        errors=[_error(item) for item in failures],
    )


def members(pictures: Sequence[Picture]) -> list[Member]:
    """The pictures under the names of their photos, in the folders of these."""
    numbers, taken = Counter[str](), set[str]()
    found = []
    for picture in pictures:
        name = usual = picture_name(picture.item.photo, picture.media_type.partition("/")[2])
        while name.lower() in taken:  # photos that differ by their extension, or one that is drawn twice
            numbers[usual.lower()] += 1
            stem, _, extension = usual.rpartition(".")
            name = f"{stem}-{numbers[usual.lower()] + 1}.{extension}"
        taken.add(name.lower())
        found.append(Member(name, picture.blob_key))
    return found


def picture_name(photo: str, extension: str) -> str:
    """E.g. ``harbour/0018.jpeg`` for ``harbour/0018.HEIC``; no folder above, no name that is refused."""
    parts = PurePosixPath(photo.replace("\\", "/")).parts
    *folders, last = [part for part in parts if part not in ("/", "..")] or [""]
    stem = safe_stem(last.rpartition(".")[0] or last)
    return "/".join([*(safe_stem(folder) or "_" for folder in folders), f"{stem or 'photo'}.{extension}"])


def results_file(pictures: Sequence[Picture], files: Sequence[Member]) -> bytes:
    """Which rendering became which file, a line each."""
    return _lines(
        {
            "position": picture.item.position,
            "custom_id": picture.item.custom_id,
            "photo": picture.item.photo,
            "file": file.name,
            "image_id": picture.item.image_id,
        }
        for picture, file in zip(pictures, files, strict=True)
    )


def errors_file(failures: Sequence[BatchItemRow]) -> bytes:
    """Which photo became no picture, and why, a line each."""
    return _lines(_error(item).model_dump(mode="json") for item in failures)


def _lines(found: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in found)


def _error(item: BatchItemRow) -> BatchError:
    return BatchError(
        position=item.position,
        custom_id=item.custom_id,
        photo=item.photo,
        error=JobError(code=item.code or "", detail=item.detail or ""),
    )
