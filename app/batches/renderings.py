"""The renderings of a batch, a JSON object a line: which photo becomes a picture, and how."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field
from pydantic import ValidationError as PydanticError
from pydantic_core import from_json

from app.errors import TooManyFilesError
from app.http.exception_handlers import field_problems
from app.http.forms import invalid_values
from app.settings import Settings
from app.stylizations.schemas import DialOptions
from app.validators import STORABLE

MAX_LINE_BYTES = 2048
"""Of a line, on average."""
_MOST_PROBLEMS = 20


class RenderingLine(DialOptions):
    """One line of `renderings`: a photo of the ZIP, and what differs from the batch's own dials."""

    custom_id: Annotated[str | None, Field(min_length=1, max_length=200), STORABLE] = None
    photo: Annotated[str, Field(max_length=1000), STORABLE]


@dataclass(frozen=True)
class PhotoRendering:
    """A photo of the ZIP, what its sender calls the picture, and the dials that are its own."""

    custom_id: str
    photo: str
    dials: dict[str, Any] = field(default_factory=dict)


def read_renderings(data: bytes, photos: Sequence[str], settings: Settings) -> list[PhotoRendering]:
    """The lines that somebody sent. Raises ValidationError that names lines, TooManyFilesError."""
    there, ids, wrong = set(photos), set[str](), list[dict[str, str]]()
    found: list[PhotoRendering] = []
    for number, line in _lines(data):
        if len(found) >= settings.max_archive_photos:
            raise TooManyFilesError(
                f"`renderings` has more than {settings.max_archive_photos} lines: send several batches.",
                field="renderings",
            )
        try:
            one = RenderingLine.model_validate(from_json(line, allow_inf_nan=False))
        except PydanticError as error:
            said = "; ".join(f"{e['field']}: {e['detail']}" for e in field_problems(error.errors()))
            wrong.append(_problem(number, said))
            continue
        except ValueError as error:
            wrong.append(_problem(number, f"This is no JSON: {error}"))
            continue
        custom_id = one.custom_id or one.photo[:200]
        if one.photo not in there:
            wrong.append(_problem(number, f"There is no photo {one.photo[:100]} in the ZIP"))
        elif custom_id in ids:
            wrong.append(_problem(number, f"custom_id {custom_id[:100]} was there before"))
        elif one.size is not None and one.size > settings.max_output_side:
            wrong.append(_problem(number, f"size is at most {settings.max_output_side}"))
        ids.add(custom_id)
        own = one.model_fields_set - {"custom_id", "photo"}
        found.append(PhotoRendering(custom_id, one.photo, one.model_dump(mode="json", include=own)))
        if len(wrong) >= _MOST_PROBLEMS:
            break
    if wrong:
        raise invalid_values(wrong)
    if not found:
        raise invalid_values(
            [{"field": "renderings", "detail": "Has no lines; leave it out to draw all photos"}]
        )
    return found


def all_photos(photos: Sequence[str]) -> list[PhotoRendering]:
    """Each photo once, by its name."""
    return [PhotoRendering(name[:200], name) for name in photos]


def to_lines(renderings: Sequence[PhotoRendering]) -> bytes:
    """As the worker reads them."""
    return b"".join(
        json.dumps({"custom_id": one.custom_id, "photo": one.photo, "dials": one.dials}).encode() + b"\n"
        for one in renderings
    )


def from_lines(data: bytes) -> list[PhotoRendering]:
    """What ``to_lines`` wrote."""
    return [PhotoRendering(**json.loads(line)) for line in data.splitlines()]


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if line.strip():
            yield number, line.strip()


def _problem(number: int, detail: str) -> dict[str, str]:
    return {"field": f"renderings, line {number}", "detail": detail.rstrip(".")}
