"""What can be done with stylizations."""

from dataclasses import dataclass

from fastapi import Request

from app.api.container import Container
from app.api.forms import FileRule, invalid_values, read_form
from app.api.preferences import Representation, negotiate
from app.ids import new_id
from app.images.tables import ImageRole
from app.imaging.formats import OutputFormat
from app.infra.db import utcnow
from app.jobs.ledger import NewJob
from app.jobs.model import Job, JobKind
from app.settings import Settings
from app.styles.repository import get_ready_style
from app.styles.service import check_steps, new_style_row
from app.stylizations.schemas import OneCallOptions, StylizationOptions
from app.stylizations.tables import StylizationRow


def stylization_rules(settings: Settings) -> dict[str, FileRule]:
    """The files of `POST /v1/stylizations`."""
    return {"contents": FileRule(1, settings.max_contents, settings.max_upload_bytes)}


def one_call_rules(settings: Settings) -> dict[str, FileRule]:
    """The files of `POST /v1/stylize`."""
    size = settings.max_upload_bytes
    return {"examples": FileRule(1, settings.max_examples, size), "content": FileRule(1, 1, size)}


@dataclass(frozen=True)
class OneCall:
    """A one-call job and the answer that the client wants."""

    job: Job
    stylization: StylizationRow
    representation: Representation


async def create_stylization(request: Request, services: Container, owner: str) -> tuple[StylizationRow, Job]:
    """Take in the form, make stylization and job durable, and tell the queue."""
    settings = services.settings
    job_id = new_id("job")
    async with read_form(
        request,
        stylization_rules(settings),
        max_bytes=settings.max_request_bytes,
        admit=services.jobs.ensure_room,
    ) as form:
        options = form.options(StylizationOptions)
        size = _size(options.size, settings)
        style = await get_ready_style(services.sessions, owner, options.style_id)
        row = _row(owner, job_id, style.id)
        async with services.intake.batch(job_id, owner) as batch:
            contents = await batch.add("contents", form.files["contents"], ImageRole.CONTENT)
            job = await services.jobs.create(
                NewJob(
                    id=job_id,
                    kind=JobKind.STYLIZE,
                    owner=owner,
                    style_id=style.id,
                    params={
                        "contents": contents,
                        "style_id": style.id,
                        "strength": options.strength,
                        "size": size,
                        "format": options.format or OutputFormat.PNG,
                        "seed": options.seed,
                    },
                    rows=[row, *batch.rows],
                )
            )
    await services.jobs.enqueue(job)
    return row, job


async def create_one_call(request: Request, services: Container, owner: str) -> OneCall:
    """Take in the form of `POST /v1/stylize`; style, stylization and one job for both."""
    settings = services.settings
    style_id, job_id = new_id("sty"), new_id("job")
    async with read_form(
        request,
        one_call_rules(settings),
        max_bytes=settings.max_request_bytes,
        admit=services.jobs.ensure_room,
    ) as form:
        options = form.options(OneCallOptions)
        check_steps(options.steps, settings)
        size = _size(options.size, settings)
        representation = negotiate(request.headers.get("accept"), options.format)
        row = _row(owner, job_id, style_id)
        async with services.intake.batch(job_id, owner) as batch:
            examples = await batch.add("examples", form.files["examples"], ImageRole.EXAMPLE)
            contents = await batch.add("content", form.files["content"], ImageRole.CONTENT)
            job = await services.jobs.create(
                NewJob(
                    id=job_id,
                    kind=JobKind.STYLIZE_ONCE,
                    owner=owner,
                    style_id=style_id,
                    params={
                        "examples": examples,
                        "contents": contents,
                        "style_id": style_id,
                        "steps": options.steps,
                        "seed": options.seed,
                        "strength": options.strength,
                        "size": size,
                        "format": options.format or representation.picture or OutputFormat.PNG,
                    },
                    rows=[new_style_row(style_id, owner, job_id, options.name), row, *batch.rows],
                )
            )
    await services.jobs.enqueue(job)
    return OneCall(job, row, representation)


def _row(owner: str, job_id: str, style_id: str) -> StylizationRow:
    return StylizationRow(
        id=new_id("stz"), owner=owner, job_id=job_id, style_id=style_id, created_at=utcnow()
    )


def _size(size: int | None, settings: Settings) -> int | None:
    if size is not None and size > settings.max_output_side:
        raise invalid_values(
            [{"field": "size", "detail": f"Input should be less than or equal to {settings.max_output_side}"}]
        )
    return size
