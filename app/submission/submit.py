"""Submission pipeline for forms: parse, check the idempotency key, store inputs, create the job."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

from fastapi import Request, Response

from app.http.forms import FileRule, Form, read_form
from app.idempotency.keys import REPLAYED, Claim, fingerprint, idempotency_key
from app.ids import new_id
from app.images.upload import UploadBatch
from app.jobs.job import Job
from app.jobs.ledger import NewJob
from app.submission.dependencies import SubmissionServices

Plan = Callable[[Form, UploadBatch], Awaitable[NewJob]]
"""From a form to a job: checks the options, takes the pictures in. The rows of the pictures, which the
batch has, belong into the job."""


@dataclass(frozen=True)
class Submission:
    """A form, and the claim on its idempotency key (None without a key)."""

    form: Form
    claim: Claim | None

    @property
    def made(self) -> str | None:
        """What an earlier request with this key has made."""
        return self.claim.made if self.claim else None


@asynccontextmanager
async def read_submission(
    request: Request,
    response: Response,
    services: SubmissionServices,
    owner: str,
    rules: Mapping[str, FileRule],
    *,
    admit: Callable[[], Awaitable[None]] | None = None,
    repeated: Collection[str] = (),
) -> AsyncIterator[Submission]:
    """Parse the form and claim its key; marks ``response`` when the request was answered before.

    ``admit`` is not asked then. Raises what ``read_form`` and ``IdempotencyKeys.claim`` raise.
    """
    key = idempotency_key(request)
    keys = services.idempotency

    async def admitted() -> None:
        if await keys.made(owner, key) is not None:
            return
        await services.storage.ensure_room(request, owner)
        if admit is not None:
            await admit()

    async with (
        services.uploads.turn(owner),
        read_form(
            request,
            rules,
            max_bytes=services.settings.max_request_bytes,
            admit=admitted,
            repeated=repeated,
        ) as form,
    ):
        known = await asyncio.to_thread(_fingerprint, request, form) if key is not None else ""
        async with keys.claim(owner, key, known) as claim:
            submission = Submission(form, claim)
            if submission.made is not None:
                response.headers[REPLAYED] = "true"
            yield submission


async def submit(
    request: Request,
    response: Response,
    services: SubmissionServices,
    owner: str,
    rules: Mapping[str, FileRule],
    plan: Plan,
    *,
    repeated: Collection[str] = (),
) -> Job:
    """The job of this request, durable and in the queue; of a repeated request, the job of the first.

    Raises what ``read_submission`` and ``plan`` raise, and QueueFullError, QuotaExceededError.
    """
    async with read_submission(
        request,
        response,
        services,
        owner,
        rules,
        admit=partial(services.jobs.ensure_room, owner),
        repeated=repeated,
    ) as submission:
        if submission.made is not None:
            return await services.ledger.get(submission.made)
        async with services.intake.batch(new_id("job"), owner, request.is_disconnected) as batch:
            new = claimed(await plan(submission.form, batch), submission.claim)
            check = partial(services.storage.check, request=request, owner=owner)
            job = await services.jobs.create(replace(new, effects=(*new.effects, check)))
    await services.jobs.enqueue(job)
    return job


def claimed(new: NewJob, claim: Claim | None) -> NewJob:
    """The job with its idempotency key: both become durable in one transaction."""
    if claim is None:
        return new
    return replace(new, effects=(*new.effects, lambda session: claim.record(session, new.id)))


def _fingerprint(request: Request, form: Form) -> str:
    files = {field: [item.file for item in items] for field, items in form.files.items()}
    return fingerprint(request, form.values, files)
