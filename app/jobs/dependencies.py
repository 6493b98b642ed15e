"""Route dependencies of jobs: their services, and the job that the path names."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from app.auth.dependencies import CoreServices, Owner, services_of
from app.errors import JobNotFoundError
from app.http.path_ids import JobId
from app.jobs.job import Job
from app.jobs.ledger import Ledger
from app.jobs.service import JobService


@dataclass(frozen=True, kw_only=True)
class JobServices(CoreServices):
    """Ledger and queue."""

    ledger: Ledger
    jobs: JobService


Services = Annotated[JobServices, Depends(services_of(JobServices))]


async def _own_job(job_id: JobId, services: Services, owner: Owner) -> Job:
    """The job of whoever asks. Raises JobNotFoundError."""
    job = await services.ledger.get(job_id)
    if job.owner != owner:
        raise JobNotFoundError(f"There is no job {job_id}: check the id, or list jobs with GET /v1/jobs.")
    return job


OwnJob = Annotated[Job, Depends(_own_job)]
