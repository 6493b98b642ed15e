"""Submission pipeline for forms: parse, check the idempotency key, store inputs, create the job."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from fastapi import Request, Response
from starlette.datastructures import UploadFile

from app.http.forms import FileRule, Form, address_field, read_form
from app.idempotency.keys import REPLAYED, Claim, fingerprint, idempotency_key
from app.ids import new_id
from app.images.upload import UploadBatch
from app.jobs.job import Job
from app.jobs.ledger import NewJob
from app.submission.dependencies import SubmissionServices


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
    max_bytes: int | None = None,
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
            max_bytes=max_bytes or services.settings.max_request_bytes,
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


@dataclass
class JobSubmission:
    """A form on its way to a job. ``job``: made by this request, or by an earlier one with its key."""

    form: Form
    request: Request
    services: SubmissionServices
    owner: str
    claim: Claim | None
    job: Job | None = None
    uploads: UploadBatch | None = None
    fetched: list[UploadFile] = field(default_factory=list)

    @property
    def batch(self) -> UploadBatch:
        """Takes the files in. Its rows belong into the job."""
        assert self.uploads is not None, "the job is there already"
        return self.uploads

    async def files(self, name: str) -> list[UploadFile]:
        """The files of a field: those that were sent, and then those that its addresses lead to.

        Raises what ``Fetcher.fetch`` raises.
        """
        sent, urls = self.form.files[name], self.form.addresses.get(name)
        if not urls:
            return sent
        most = self.services.settings.max_request_bytes
        held = sum(file.size or 0 for files in self.form.files.values() for file in files)
        left = most - held - sum(file.size or 0 for file in self.fetched)
        found = await self.services.fetcher.fetch(urls, address_field(name), self.owner, left)
        self.fetched += found
        return [*sent, *found]

    async def create(self, new: NewJob) -> Job:
        """Make the job durable; it goes into the queue when the block ends.

        Raises QueueFullError, QuotaExceededError, StorageExceededError.
        """
        new = claimed(new, self.claim)
        check = partial(self.services.storage.check, request=self.request, owner=self.owner)
        self.job = await self.services.jobs.create(replace(new, effects=(*new.effects, check)))
        return self.job


@asynccontextmanager
async def job_submission(
    request: Request,
    response: Response,
    services: SubmissionServices,
    owner: str,
    rules: Mapping[str, FileRule],
    *,
    repeated: Collection[str] = (),
    max_bytes: int | None = None,
) -> AsyncIterator[JobSubmission]:
    """The form of a request that is to make a job, inside the block. Of a repeated request the job is there.
    ``max_bytes``: of the whole request, where it is another bound than that of all.

    When the block ends without a job, what was stored for it goes. Raises what ``read_submission`` raises.
    """
    admit = partial(services.jobs.ensure_room, owner)
    async with read_submission(
        request, response, services, owner, rules, admit=admit, repeated=repeated, max_bytes=max_bytes
    ) as read:
        submission = JobSubmission(read.form, request, services, owner, read.claim)
        if read.made is not None:
            submission.job = await services.ledger.get(read.made)
            yield submission
            return
        try:
            async with services.intake.batch(new_id("job"), owner, request.is_disconnected) as batch:
                submission.uploads = batch
                yield submission
        finally:
            for file in submission.fetched:
                await file.close()
    if submission.job is not None:
        await services.jobs.enqueue(submission.job)


def claimed(new: NewJob, claim: Claim | None) -> NewJob:
    """The job with its idempotency key: both become durable in one transaction."""
    if claim is None:
        return new
    return replace(new, effects=(*new.effects, lambda session: claim.record(session, new.id)))


def _fingerprint(request: Request, form: Form) -> str:
    files = {field: [item.file for item in items] for field, items in form.files.items()}
    addresses = {address_field(name): urls for name, urls in form.addresses.items()}
    return fingerprint(request, {**form.values, **addresses}, files)
