"""Create generations: from a form to a durable job, for whichever medium."""

from fastapi import Request, Response

from app.files.tables import FileRole
from app.generations.schemas import GenerationOptions
from app.generations.tables import GenerationRow
from app.http.forms import FileRule
from app.ids import new_id
from app.infra.db import utcnow
from app.jobs.job import Job, JobKind
from app.jobs.ledger import NewJob
from app.medium import Medium, Resource
from app.settings import Settings
from app.styles.repository import get_usable_style, hold_styles
from app.submission.dependencies import SubmissionServices
from app.submission.submit import job_submission

REPEATED = frozenset({"style_id", "weight"})


def generation_rules(resource: Resource, settings: Settings) -> dict[str, FileRule]:
    """The files of the resource's `POST`."""
    return dict(resource.files(settings))


async def create_generation(
    request: Request, response: Response, services: SubmissionServices, owner: str, medium: Medium
) -> Job:
    """A generation and its job."""
    resource = medium.resource
    assert resource is not None
    rules = generation_rules(resource, services.settings)
    repeated = REPEATED | resource.repeated

    async with job_submission(request, response, services, owner, rules, repeated=repeated) as submission:
        if submission.job is not None:
            return submission.job
        form, batch = submission.form, submission.batch
        options = form.options(resource.options)
        assert isinstance(options, GenerationOptions)
        sent = frozenset(name for name, files in form.files.items() if files)
        resource.check(options, sent)
        styles = options.shares()
        for style_id in sorted(options.style_id):
            await get_usable_style(services.sessions, owner, style_id, medium.name)
        main = str(max(styles, key=lambda share: share["weight"])["id"])
        inputs: dict[str, str] = {}
        for name in sorted(sent):
            assert medium.reader is not None
            (inputs[name],) = await batch.add_works(medium.reader, name, form.files[name], FileRole.INPUT)
        wanted = options.options()
        row = GenerationRow(
            id=new_id(resource.prefix),
            owner=owner,
            modality=medium.name,
            job_id=batch.job_id,
            style_id=main,
            created_at=utcnow(),
        )
        return await submission.create(
            NewJob(
                id=batch.job_id,
                kind=JobKind.GENERATE,
                modality=medium.name,
                owner=owner,
                style_id=main,
                params={
                    "style_id": main,
                    "styles": styles,
                    "options": wanted,
                    "inputs": inputs,
                    "cost": resource.cost(wanted),
                },
                rows=[row, *batch.rows],
                effects=[lambda session: hold_styles(session, owner, options.style_id)],
            )
        )
