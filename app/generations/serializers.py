"""Turn a generation's row and its job into JSON."""

from collections.abc import Collection, Sequence
from typing import Any

from app.files.repository import existing_files
from app.generations.tables import GenerationRow
from app.infra.db import Sessions
from app.jobs.job import Job, JobState
from app.jobs.schemas import JobOut, file_url
from app.medium import Resource


async def present_all(
    sessions: Sessions, resource: Resource, found: Sequence[tuple[GenerationRow, Job]]
) -> list[Any]:
    """Generations on the wire, with the files that are still there."""
    jobs = [job.id for _, job in found if job.state is JobState.SUCCEEDED]
    there = await existing_files(sessions, jobs)
    return [generation_out(resource, row, job, there) for row, job in found]


async def present(sessions: Sessions, resource: Resource, row: GenerationRow, job: Job) -> Any:
    """One of them."""
    (shown,) = await present_all(sessions, resource, [(row, job)])
    return shown


def generation_out(resource: Resource, row: GenerationRow, job: Job, there: Collection[str]) -> Any:
    """The row on the wire. ``there``: ids of files that exist; the others were deleted or have expired."""
    pieces = (job.result or {}).get("pieces", [])
    return resource.out(
        id=row.id,
        style_id=row.style_id,
        styles=job.params["styles"],
        settings=job.params["options"],
        created_at=row.created_at,
        expires_at=row.expires_at,
        job=JobOut.of(job),
        items=[
            {
                "position": position,
                "about": piece["about"],
                "files": [
                    {**file, "url": file_url(file["id"])} for file in piece["files"] if file["id"] in there
                ],
            }
            for position, piece in enumerate(pieces)
        ],
    )
