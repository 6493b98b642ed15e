"""Find out what examples are: which medium claims their files."""

from collections.abc import Sequence

from starlette.datastructures import UploadFile

from app.errors import ExamplesMixedError
from app.medium import HEAD, Media, Medium
from model.modality import IMAGE


def medium_of(media: Media, files: Sequence[UploadFile]) -> Medium:
    """The medium of the examples of one style; pictures, whose errors name formats, where none claims them.

    Raises ExamplesMixedError.
    """
    found = [_medium(media, file) for file in files]
    for position, medium in enumerate(found):
        if medium is not found[0]:
            raise ExamplesMixedError(
                f"File 1 of `examples` is for {found[0].name} ({found[0].works}) and file {position + 1} for "
                f"{medium.name} ({medium.works}): a style is learned from one kind of examples.",
                field="examples",
            )
    return found[0]


def _medium(media: Media, file: UploadFile) -> Medium:
    file.file.seek(0)
    head = file.file.read(HEAD)
    file.file.seek(0)
    name = file.filename or ""
    return next((medium for medium in media.values() if medium.claims(head, name)), media[IMAGE])
