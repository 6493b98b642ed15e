"""Create stylizations, and styles with a stylization in one call."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from starlette.datastructures import UploadFile

from app.errors import ImageError
from app.http.content_negotiation import negotiate
from app.http.forms import FileRule, invalid_values
from app.ids import new_id
from app.images.tables import ImageRole
from app.images.upload import UploadBatch
from app.imaging.formats import ClipFormat, OutputFormat, has_video
from app.imaging.limits import Ground
from app.imaging.readable import EVERYWHERE
from app.infra.db import utcnow
from app.jobs.job import Job, JobKind
from app.jobs.ledger import NewJob
from app.provenance.levels import Provenance
from app.settings import Settings
from app.styles.repository import get_usable_style, hold_styles
from app.styles.service import check_steps, new_style_row
from app.stylizations.schemas import OneCallOptions, RenderOptions, StylizationOptions
from app.stylizations.tables import StylizationRow
from app.submission.dependencies import SubmissionServices
from app.submission.submit import JobSubmission, job_submission
from app.validators import shortened

REPEATED = frozenset({"style_id", "weight"})
_MASK = (
    "Grey picture, stretched over each photo: white is inside, black and transparent are outside. "
    f"{EVERYWHERE}"
)
_NAME_LENGTH = 100


def stylization_rules(settings: Settings) -> dict[str, FileRule]:
    """The files of `POST /v1/stylizations`."""
    size, fetched = settings.max_upload_bytes, bool(settings.input_hosts)
    what = EVERYWHERE + ("; WebP, PNG and GIF may move" if settings.max_clip_frames else "")
    contents = FileRule(1, settings.max_contents, size, what, address=True, fetched=fetched)
    return {"contents": contents, "mask": _mask_rule(size)}


def one_call_rules(settings: Settings) -> dict[str, FileRule]:
    """The files of `POST /v1/stylize`."""
    size, fetched = settings.max_upload_bytes, bool(settings.input_hosts)
    return {
        "examples": FileRule(1, settings.max_examples, size, address=True, fetched=fetched),
        "content": FileRule(1, 1, size, address=True, fetched=fetched),
        "mask": _mask_rule(size),
    }


@dataclass(frozen=True)
class StylizationFiles:
    """What is rendered, and a mask or none.

    ``mask_ground``: see ``UploadBatch.add``. ``clips``: contents may move, unless there is a mask, which
    stands still.
    """

    contents: Sequence[UploadFile]
    mask: Sequence[UploadFile] = ()
    mask_ground: Ground | None = None
    clips: bool = True


@dataclass(frozen=True, kw_only=True)
class OneCallFiles(StylizationFiles):
    """With the examples of the style."""

    examples: Sequence[UploadFile]


async def create_stylization(
    request: Request, response: Response, services: SubmissionServices, owner: str
) -> Job:
    """A stylization and its job. Contents that cannot be used are left out, unless none can."""
    settings = services.settings

    async with job_submission(
        request, response, services, owner, stylization_rules(settings), repeated=REPEATED
    ) as submission:
        if submission.job is not None:
            return submission.job
        form = submission.form
        options = form.options(StylizationOptions)
        files = StylizationFiles(await submission.files("contents"), form.files["mask"])
        return await submit_stylization(submission, options, files)


async def submit_stylization(
    submission: JobSubmission, options: StylizationOptions, files: StylizationFiles
) -> Job:
    """The stylization of a form that was read. Raises ValidationError and an ImageError, and what
    ``get_usable_style`` and ``JobSubmission.create`` raise."""
    services, owner, batch = submission.services, submission.owner, submission.batch
    _check(options, options.format, files, services.settings)
    if options.clip_format and options.clip_format.is_video and not has_video():
        raise _invalid("clip_format", f"This service writes no {options.clip_format}; ask for webp or gif")
    if options.outside_style_id is not None and not files.mask:
        raise _invalid("outside_style_id", "Needs a mask that says where outside is")
    styles = options.shares()
    needed = {*options.style_id, *filter(None, [options.outside_style_id])}
    for style_id in sorted(needed):
        await get_usable_style(services.sessions, owner, style_id)
    main = str(max(styles, key=lambda share: share["weight"])["id"])
    added = await batch.add_each(
        "contents",
        files.contents,
        ImageRole.CONTENT,
        size=options.size,
        exact=bool(files.mask),
        clips=files.clips and not files.mask,
    )
    items = [_item(*pair) for pair in zip(files.contents, added, strict=True)]
    contents = [item["content_id"] for item in items if item["content_id"]]
    if not contents:
        raise next(error for error in added if isinstance(error, ImageError))
    return await submission.create(
        NewJob(
            id=batch.job_id,
            kind=JobKind.STYLIZE,
            owner=owner,
            style_id=main,
            params={
                "contents": contents,
                "items": items,
                "style_id": main,
                "styles": styles,
                "outside_style_id": options.outside_style_id,
                **await _render(options, files, batch, services.settings),
                "format": options.format or OutputFormat.PNG,
                "clips": batch.clips,
                "clip_format": options.clip_format or ClipFormat.WEBP,
            },
            rows=[_row(owner, batch.job_id, main), *batch.rows],
            effects=[lambda session: hold_styles(session, owner, needed)],
        )
    )


async def create_one_call(
    request: Request, response: Response, services: SubmissionServices, owner: str
) -> Job:
    """Style, stylization and one job for both."""
    settings = services.settings

    async with job_submission(request, response, services, owner, one_call_rules(settings)) as submission:
        if submission.job is not None:
            return submission.job
        form = submission.form
        options = form.options(OneCallOptions)
        wanted = negotiate(request.headers.get("accept"), options.format)
        output = options.format or wanted.picture or OutputFormat.PNG
        content, examples = await submission.files("content"), await submission.files("examples")
        files = OneCallFiles(content, form.files["mask"], examples=examples)
        return await submit_one_call(submission, options, files, output)


async def submit_one_call(
    submission: JobSubmission, options: OneCallOptions, files: OneCallFiles, output: OutputFormat
) -> Job:
    """Style and stylization of a form that was read; there is one content. Raises ValidationError, an
    ImageError, and what ``JobSubmission.create`` raises."""
    settings, owner, batch = submission.services.settings, submission.owner, submission.batch
    check_steps(options.steps, settings)
    _check(options, output, files, settings)
    style_id = new_id("sty")
    examples = await batch.add("examples", files.examples, ImageRole.EXAMPLE)
    contents = await batch.add(
        "content", files.contents, ImageRole.CONTENT, size=options.size, exact=bool(files.mask)
    )
    return await submission.create(
        NewJob(
            id=batch.job_id,
            kind=JobKind.STYLIZE_ONCE,
            owner=owner,
            style_id=style_id,
            params={
                "examples": examples,
                "contents": contents,
                "items": [_item(files.contents[0], contents[0])],
                "style_id": style_id,
                "styles": [{"id": style_id, "weight": 1.0}],
                "steps": options.steps,
                "seed": options.seed,
                "rights": options.rights,
                "licence": options.licence,
                **await _render(options, files, batch, settings),
                "format": output,
            },
            rows=[
                new_style_row(style_id, owner, batch.job_id, options),
                _row(owner, batch.job_id, style_id),
                *batch.rows,
            ],
        )
    )


async def _render(
    options: StylizationOptions | OneCallOptions,
    files: StylizationFiles,
    batch: UploadBatch,
    settings: Settings,
) -> dict[str, Any]:
    mask = await batch.add("mask", files.mask, ImageRole.MASK, size=options.size, ground=files.mask_ground)
    return {
        **rendering_params(options, settings),
        "mask": mask[0] if mask else None,
        "feather": options.feather,
        "manifests": batch.manifests,
        "pixels": batch.pixels,
    }


def rendering_params(options: RenderOptions, settings: Settings) -> dict[str, Any]:
    """What a job is told of how its results are drawn and stored, but for their format."""
    return {
        "strength": options.strength,
        "abstraction": options.abstraction,
        "stroke_size": options.stroke_size,
        "preserve_color": options.preserve_color,
        "size": options.size,
        "quality": options.quality,
        "provenance": options.provenance,
        "label": options.label or settings.label,
    }


def _check(
    options: StylizationOptions | OneCallOptions,
    output: OutputFormat | None,
    files: StylizationFiles,
    settings: Settings,
) -> None:
    check_rendering(options, output, settings)
    if options.feather and not files.mask:
        raise _invalid("feather", "Needs a mask whose edge can be softened")


def check_rendering(options: RenderOptions, output: OutputFormat | None, settings: Settings) -> None:
    """Raise ValidationError for what this service does not do, or not with that format."""
    if options.size is not None and options.size > settings.max_output_side:
        raise _invalid("size", f"Input should be less than or equal to {settings.max_output_side}")
    if options.quality is not None and not (output or OutputFormat.PNG).lossy:
        raise _invalid("quality", "A png has none; ask for format=jpeg or format=webp, or leave it out")
    least = Provenance(settings.least_provenance)
    if not least.permits(options.provenance):
        raise _invalid("provenance", f"This service marks what it makes: ask for at least {least}")


def _item(file: UploadFile, added: str | ImageError) -> dict[str, Any]:
    name = (file.filename or "").replace("\\", "/").rpartition("/")[2]
    spaced = (" " if letter.isspace() else letter for letter in name)  # macOS writes some that are no ` `
    name = shortened("".join(letter for letter in spaced if letter.isprintable()).strip(), _NAME_LENGTH)
    refused = isinstance(added, ImageError)
    return {
        "name": name or None,
        "content_id": None if refused else added,
        "error": {"code": added.code, "detail": added.detail} if isinstance(added, ImageError) else None,
    }


def _mask_rule(size: int) -> FileRule:
    return FileRule(0, 1, size, what=_MASK, sample="mask.png")


def _row(owner: str, job_id: str, style_id: str) -> StylizationRow:
    return StylizationRow(
        id=new_id("stz"), owner=owner, job_id=job_id, style_id=style_id, created_at=utcnow()
    )


def _invalid(field: str, detail: str) -> Exception:
    return invalid_values([{"field": field, "detail": detail}])
