"""``/v1/batches``."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response, status
from fastapi.responses import StreamingResponse

from app.audit.log import note
from app.auth.dependencies import Owner
from app.batches.repository import (
    delete_batch,
    get_batch,
    get_batch_of_job,
    list_batches,
    list_failures,
    list_pictures,
)
from app.batches.schemas import BatchAccepted, BatchOptions, BatchOut, BatchPage
from app.batches.serializers import (
    ERRORS,
    RESULTS,
    errors_file,
    members,
    present,
    present_all,
    results_file,
)
from app.batches.service import batch_rules, create_batch
from app.errors import BatchNotReadyError
from app.http.exception_handlers import problem_responses
from app.http.forms import form_body
from app.http.pages import Paging
from app.http.path_ids import BatchId
from app.jobs.forgetting import clear
from app.jobs.job import JobState
from app.jobs.schemas import JobOut
from app.settings import Settings
from app.submission.dependencies import Services
from app.submission.job_response import SUBMITS, accepted_responses, settle
from app.submission.zip_stream import stream_zip

_ERRORS = problem_responses(400, 404, 409, 413, 415, 422, 429, 503, 507)


def build_router(settings: Settings) -> APIRouter:
    """The routes; their documentation states the limits of ``settings``."""
    router = APIRouter(prefix="/v1/batches", tags=["batches"])
    body: dict[str, Any] = {**form_body(BatchOptions, batch_rules(settings)), **SUBMITS}

    @router.post(
        "",
        operation_id="createBatch",
        summary="Apply a style to thousands of photos",
        status_code=status.HTTP_202_ACCEPTED,
        openapi_extra=body,
        responses={**accepted_responses(BatchAccepted), **_ERRORS},
    )
    async def post_batch(
        request: Request, response: Response, services: Services, owner: Owner
    ) -> BatchAccepted:
        """A ZIP of `photos` and a style that is ready. The photos are drawn one after the other, after
        everything else that anybody waits for; its job tells how many are done, and can be canceled and
        retried as all jobs. `renderings` says which photos are drawn, in which order and how, where all of
        them alike is not enough: `{"photo": "harbour/0018.jpg", "custom_id": "18", "strength": 0.8}` a
        line. A photo that cannot be used is told with its name, and the others go on."""
        job = await create_batch(request, response, services, owner)
        job = await settle(request, response, services, job)
        row, job = await get_batch_of_job(services.sessions, owner, job)
        return BatchAccepted(batch=await present(services.sessions, row, job), job=JobOut.of(job))

    @router.get("", operation_id="listBatches", summary="List batches", responses=problem_responses(422))
    async def read_batches(
        services: Services,
        owner: Owner,
        page: Paging,
        state: Annotated[list[JobState] | None, Query(description="Only those whose job is so.")] = None,
    ) -> BatchPage:
        """Newest first."""
        found = await list_batches(
            services.sessions, owner, limit=page.limit + 1, after=page.after, states=state or ()
        )
        items = await present_all(services.sessions, found[: page.limit])
        return BatchPage(items=items, next=items[-1].id if len(found) > page.limit else None)

    @router.get(
        "/{batch_id}", operation_id="getBatch", summary="Read a batch", responses=problem_responses(404)
    )
    async def read_batch(batch_id: BatchId, services: Services, owner: Owner) -> BatchOut:
        """Its job, how many pictures are done, and which photos could not be used."""
        row, job = await get_batch(services.sessions, owner, batch_id)
        return await present(services.sessions, row, job)

    @router.get(
        "/{batch_id}/zip",
        operation_id="downloadBatch",
        summary="Download all pictures",
        response_class=Response,
        responses={
            200: {"description": "A ZIP archive", "content": {"application/zip": {}}},
            **problem_responses(404, 409),
        },
    )
    async def read_batch_zip(batch_id: BatchId, services: Services, owner: Owner) -> Response:
        """The pictures under the names and in the folders of their photos; `results.jsonl`, which says what
        became of which line, and `errors.jsonl` with the photos that became no picture. 409 until the job is
        over; of one that failed or was canceled there are the pictures that were done."""
        row, job = await get_batch(services.sessions, owner, batch_id)
        if not job.state.terminal:
            raise BatchNotReadyError(
                f"Batch {row.id} is not done, its job {job.id} is {job.state}: wait for it, or cancel it for "
                "what is done so far."
            )
        pictures = await list_pictures(services.sessions, row.id)
        files = members(pictures)
        texts = {
            RESULTS: results_file(pictures, files),
            ERRORS: errors_file(await list_failures(services.sessions, row.id)),
        }
        return StreamingResponse(
            stream_zip(files, texts, services.blobs, row.created_at),
            media_type="application/zip",
            headers={
                "Content-Disposition": f'attachment; filename="{row.id}.zip"',
                "X-Content-Type-Options": "nosniff",
            },
        )

    @router.delete(
        "/{batch_id}",
        operation_id="deleteBatch",
        summary="Delete a batch",
        status_code=status.HTTP_204_NO_CONTENT,
        responses=problem_responses(404, 409),
    )
    async def remove_batch(batch_id: BatchId, request: Request, services: Services, owner: Owner) -> None:
        """Its photos and its pictures go; its style stays. 409 while its job waits or runs."""
        left = await delete_batch(services.sessions, owner, batch_id)
        await clear(left, services.blobs, services.broker)
        await note(services.sessions, "batch.deleted", owner, batch_id, request=request)

    return router
