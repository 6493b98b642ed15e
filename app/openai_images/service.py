"""Turn OpenAI's form of an image edit into the job of a stylization."""

from collections.abc import Callable, Sequence

from fastapi import Request, Response
from starlette.datastructures import UploadFile

from app.errors import FilesMissingError, TooManyFilesError
from app.http.forms import FileRule, invalid_values
from app.imaging.limits import Ground
from app.imaging.readable import EVERYWHERE
from app.jobs.job import Job
from app.openai_images.schemas import EFFORT, LEARN, EditOptions
from app.settings import Settings
from app.stylizations.schemas import OneCallOptions, StylizationOptions
from app.stylizations.service import (
    OneCallFiles,
    StylizationFiles,
    submit_one_call,
    submit_stylization,
)
from app.submission.dependencies import SubmissionServices
from app.submission.submit import JobSubmission, job_submission

_NAME_LENGTH = 200  # of a style
_ONE, _SEVERAL = "image", "image[]"  # how their clients name the files


def edit_rules(settings: Settings) -> dict[str, FileRule]:
    """The files of `POST /v1/images/edits`."""
    size, most = settings.max_upload_bytes, settings.max_examples + 1
    several = f"{EVERYWHERE}: the photo, and after it the examples of a style"
    mask = (
        "Picture that is transparent where the photo is to be drawn, stretched over the photo; the rest of "
        f"the photo stays. {EVERYWHERE}"
    )
    return {
        _SEVERAL: FileRule(0, most, size, what=several),
        _ONE: FileRule(0, most, size, what=f"The same; for a single picture. {EVERYWHERE}"),
        "mask": FileRule(0, 1, size, what=mask, sample="mask.png"),
    }


async def create_edit(
    request: Request,
    response: Response,
    services: SubmissionServices,
    owner: str,
    admit: Callable[[EditOptions], None],
) -> tuple[Job, EditOptions]:
    """The job of an edit, and what was asked for. Raises what reading a form, taking files in and making a
    job do, and what ``admit`` does, which is asked before anything is made."""
    async with job_submission(
        request, response, services, owner, edit_rules(services.settings)
    ) as submission:
        options = submission.form.options(EditOptions)
        _check(options)
        admit(options)
        if submission.job is None:
            await _submit(submission, options)
        assert submission.job is not None
        return submission.job, options


async def _submit(submission: JobSubmission, options: EditOptions) -> None:
    files = submission.form.files
    images = [*files[_ONE], *files[_SEVERAL]]
    if not images:
        raise FilesMissingError(
            "`image` needs a photo, and examples of a style after it: with curl, add -F 'image[]=@photo.jpg' "
            "-F 'image[]=@example.jpg'.",
            field=_ONE,
        )
    if options.model in (None, "", LEARN):
        await _learn(submission, options, images)
    else:
        await _apply(submission, options, images)


async def _learn(submission: JobSubmission, options: EditOptions, images: Sequence[UploadFile]) -> None:
    photo, *examples = images
    if not examples:
        raise FilesMissingError(
            "`image` holds a photo alone: send 1 to 16 examples of a style after it, or name a style that is "
            "ready as `model` (GET /v1/models lists them).",
            field=_ONE,
        )
    steps, abstraction = EFFORT[options.quality]
    most = submission.services.settings.max_steps
    wanted = OneCallOptions(
        name=(options.prompt or "").strip()[:_NAME_LENGTH] or None,
        steps=None if steps is None else min(steps, most),
        abstraction=abstraction,
        size=options.longer_side,
        format=options.output_format,
        quality=options.compression,
    )
    await submit_one_call(
        submission,
        wanted,
        OneCallFiles([photo], submission.form.files["mask"], Ground.INSIDE, examples=examples),
        options.output_format,
    )


async def _apply(submission: JobSubmission, options: EditOptions, images: Sequence[UploadFile]) -> None:
    if len(images) > 1:
        raise TooManyFilesError(
            f"`image` takes one photo with the style {options.model}: leave out the others, or leave out "
            "`model` to learn a style from them.",
            field=_ONE,
        )
    wanted = StylizationOptions(
        style_id=[str(options.model)],
        abstraction=EFFORT[options.quality][1],
        size=options.longer_side,
        format=options.output_format,
        quality=options.compression,
    )
    files = StylizationFiles(images, submission.form.files["mask"], Ground.INSIDE, clips=False)
    await submit_stylization(submission, wanted, files)


def _check(options: EditOptions) -> None:
    """Raise ValidationError for what cannot be together."""
    wrong = {}
    if options.background == "transparent":
        wrong["background"] = "No transparency is made; leave it out"
    if options.output_compression not in (None, 100) and not options.output_format.lossy:
        wrong["output_compression"] = "A png has none; ask for jpeg or webp, or leave it out"
    if options.partial_images and not options.stream:
        wrong["partial_images"] = "They come in a stream; add stream=true"
    if options.stream and options.response_format == "url":
        wrong["response_format"] = "A stream carries the bytes; leave it out"
    if wrong:
        raise invalid_values([{"field": field, "detail": detail} for field, detail in wrong.items()])
