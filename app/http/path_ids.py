"""Path parameters of routes that are ids."""

from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator

from app.errors import (
    BatchNotFoundError,
    ImageNotFoundError,
    JobNotFoundError,
    NotFoundError,
    StoredFileNotFoundError,
    StyleNotFoundError,
    StylizationNotFoundError,
)
from app.presets.catalogue import style_id_of


def askable(missing: type[NotFoundError]) -> AfterValidator:
    """For ids in paths: raises ``missing`` for one that the database cannot even be asked for."""

    def check(value: str) -> str:
        if "\0" in value:
            raise missing("There is nothing under an id with a NUL character: check the id.")
        return value

    return AfterValidator(check)


StyleName = Annotated[str, AfterValidator(style_id_of)]
"""A style's id, or a preset's short name, whose id it becomes."""
StyleId = Annotated[
    StyleName,
    Path(description="A style's id (`sty_…`), or a preset's short name.", max_length=64),
    askable(StyleNotFoundError),
]
JobId = Annotated[str, Path(description="A job's id (`job_…`).", max_length=64), askable(JobNotFoundError)]
ImageId = Annotated[
    str, Path(description="An image's id (`img_…`).", max_length=64), askable(ImageNotFoundError)
]
FileId = Annotated[
    str, Path(description="A file's id (`fil_…`).", max_length=64), askable(StoredFileNotFoundError)
]
StylizationId = Annotated[
    str, Path(description="A stylization's id (`stz_…`).", max_length=64), askable(StylizationNotFoundError)
]
BatchId = Annotated[
    str, Path(description="A batch's id (`bat_…`).", max_length=64), askable(BatchNotFoundError)
]
