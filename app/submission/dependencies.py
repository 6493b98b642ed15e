"""Route dependencies of submissions: the services that a new job needs."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from app.auth.dependencies import services_of
from app.idempotency.keys import IdempotencyKeys
from app.images.upload import ImageIntake
from app.infra.fair_semaphore import FairSemaphore
from app.jobs.dependencies import JobServices
from app.submission.fetch import Fetcher
from app.submission.storage import Storage


@dataclass(frozen=True, kw_only=True)
class SubmissionServices(JobServices):
    """What a form passes on its way to a job. ``uploads``: turns of the requests whose forms are read;
    ``archives``: of those that bring a ZIP of photos."""

    intake: ImageIntake
    idempotency: IdempotencyKeys
    storage: Storage
    fetcher: Fetcher
    uploads: FairSemaphore
    archives: FairSemaphore


Services = Annotated[SubmissionServices, Depends(services_of(SubmissionServices))]
