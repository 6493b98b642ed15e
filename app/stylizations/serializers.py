"""Turn a stylization's row and its job into JSON."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from app.images.repository import existing_results
from app.infra.db import Sessions
from app.jobs.dials import dials_of
from app.jobs.job import Job, JobState
from app.jobs.schemas import JobError, JobOut, ResultImage, image_url
from app.styles.schemas import StyleShare
from app.stylizations.schemas import (
    ItemStatus,
    PictureSettings,
    RenderSettings,
    StylizationItem,
    StylizationOut,
)
from app.stylizations.tables import StylizationRow


async def present_all(
    sessions: Sessions, found: Sequence[tuple[StylizationRow, Job]]
) -> list[StylizationOut]:
    """Stylizations on the wire, with the results that are still there."""
    jobs = [job.id for _, job in found if job.state is JobState.SUCCEEDED]
    there = await existing_results(sessions, jobs) if jobs else set()
    return [stylization_out(row, job, there) for row, job in found]


async def present(sessions: Sessions, row: StylizationRow, job: Job) -> StylizationOut:
    """One of them."""
    (shown,) = await present_all(sessions, [(row, job)])
    return shown


def stylization_out(row: StylizationRow, job: Job, there: Collection[str]) -> StylizationOut:
    """The row on the wire. ``there``: ids of results that exist; the others were deleted or have expired."""
    items = _items(job, there)
    return StylizationOut(
        id=row.id,
        style_id=row.style_id,
        styles=[
            StyleShare(**share) for share in job.params.get("styles", [{"id": row.style_id, "weight": 1.0}])
        ],
        settings=_settings(job.params),
        created_at=row.created_at,
        expires_at=row.expires_at,
        job=JobOut.of(job),
        items=items,
        images=[item.image for item in items if item.image is not None],
    )


def picture_settings(params: dict[str, Any]) -> PictureSettings:
    """Of a job. Those of earlier versions lack the options that came later."""
    return PictureSettings(
        **asdict(dials_of(params)),
        preserve_color=params.get("preserve_color", False),
        size=params.get("size"),
        format=params.get("format", "png"),
        quality=params.get("quality"),
        provenance=params.get("provenance", "none"),
        label=params.get("label", "none"),
    )


def _settings(params: dict[str, Any]) -> RenderSettings:
    return RenderSettings(
        **picture_settings(params).model_dump(),
        mask_id=params.get("mask"),
        outside_style_id=params.get("outside_style_id"),
        feather=params.get("feather", 0.0),
    )


def _items(job: Job, there: Collection[str]) -> list[StylizationItem]:
    contents = job.params.get("contents", [])
    uploads = job.params.get("items") or [{"content_id": content} for content in contents]
    result = job.result or {}
    failures = {failure["content_id"]: failure for failure in result.get("failures", [])}
    rendered = [content for content in contents if content not in failures]
    images = dict(zip(rendered, result.get("images", []), strict=False))
    items = []
    for position, upload in enumerate(uploads):
        content_id = upload.get("content_id")
        status, error = _outcome(job, upload.get("error") or failures.get(content_id))
        image_id = images.get(content_id)
        if image_id is not None and image_id not in there:
            status, image_id = ItemStatus.DELETED, None
        items.append(
            StylizationItem(
                position=position,
                name=upload.get("name"),
                status=status,
                content_id=content_id,
                image=ResultImage(id=image_id, url=image_url(image_id)) if image_id else None,
                error=JobError(code=error["code"], detail=error["detail"]) if error else None,
            )
        )
    return items


def _outcome(job: Job, failure: dict[str, Any] | None) -> tuple[ItemStatus, dict[str, Any] | None]:
    if failure is not None:
        return ItemStatus.FAILED, failure
    if job.state is JobState.SUCCEEDED:
        return ItemStatus.SUCCEEDED, None
    if job.state is JobState.CANCELED:
        return ItemStatus.CANCELED, job.error
    if job.state.terminal:
        return ItemStatus.FAILED, job.error
    return ItemStatus.PENDING, None
