"""Parse multipart forms with files, and enforce their limits while the body streams in.

A file's bytes go to a temporary file as they come, and are counted on the way: a file that is too
large is refused after as many bytes as it may have, whatever its declared length says.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import BaseModel
from pydantic import ValidationError as PydanticError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from app.errors import (
    AppError,
    FilesMissingError,
    FileTooLargeError,
    MultipartInvalidError,
    TooManyFilesError,
    UnsupportedMediaTypeError,
    ValidationError,
)
from app.http.body_limits import counted, drain, refuse_declared
from app.http.exception_handlers import field_problems, validation_sentence
from app.http.filenames import extended_name, plain_name
from app.imaging.readable import EVERYWHERE
from app.infra.errors import temp_files_unavailable
from app.settings import MIB

Options = TypeVar("Options", bound=BaseModel)

URLENCODED = "application/x-www-form-urlencoded"
MAX_FIELDS = 48  # enough for all fields of any one call, with lists at their longest
_MAX_FIELD_BYTES = 64 * 1024


@dataclass(frozen=True)
class FileRule:
    """How many files a field takes, and how large each may be (bytes).

    ``address``: whether the field ``…_url`` takes addresses of such files; ``fetched``: whether this service
    fetches from any.
    """

    at_least: int
    at_most: int
    max_bytes: int
    what: str = EVERYWHERE
    sample: str = "picture.jpg"  # for the curl lines of the error sentences
    address: bool = False
    fetched: bool = False

    @property
    def needed(self) -> bool:
        """Whether a form without such a file is never good."""
        return self.at_least > 0 and not self.fetched


@dataclass(frozen=True)
class Form:
    """A parsed form: the files by field in their order, the other values, and addresses of more files, by the
    field of the files."""

    files: Mapping[str, list[UploadFile]]
    values: Mapping[str, str | list[str]]
    addresses: Mapping[str, list[str]] = field(default_factory=dict)

    def options(self, model: type[Options]) -> Options:
        """The values as a model. Raises ValidationError that names every invalid field."""
        try:
            return model.model_validate(dict(self.values))
        except PydanticError as error:
            raise invalid_values(field_problems(error.errors())) from error


def invalid_values(errors: list[dict[str, str]]) -> ValidationError:
    """The error for invalid fields: ``[{"field": …, "detail": …}]``."""
    return ValidationError(validation_sentence(errors), errors=errors)


@asynccontextmanager
async def read_form(
    request: Request,
    rules: Mapping[str, FileRule],
    *,
    max_bytes: int,
    admit: Callable[[], Awaitable[None]] | None = None,
    repeated: Collection[str] = (),
) -> AsyncIterator[Form]:
    """Parse the body; its files are closed (and gone) at the end of the block.

    Where no file is needed, a url-encoded body will do. ``repeated`` names the fields that may come several
    times; their values are lists.
    ``admit`` is asked before a byte is stored; the AppError that it raises refuses the request.
    Raises UnsupportedMediaTypeError, MultipartInvalidError, PayloadTooLargeError, FileTooLargeError,
    FilesMissingError, TooManyFilesError, ValidationError, ServiceUnavailableError.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == URLENCODED and not any(rule.at_least for rule in rules.values()):
        if admit is not None:
            await admit()
        yield _form(await _url_encoded(request), rules, repeated)
        return
    if media_type != "multipart/form-data":
        raise UnsupportedMediaTypeError(
            "Send the body as multipart/form-data: with curl, use -F for every field."
        )
    refuse_declared(request, max_bytes)
    body = counted(request, max_bytes)
    parser = _Parser(request, body, rules)
    try:
        if admit is not None:
            await admit()
        try:
            data = await parser.parse()
        except OSError as error:  # files that do not fit into memory go to temporary ones
            raise temp_files_unavailable(error) from error
    except (AppError, MultiPartException, UnicodeError) as error:
        await drain(body)
        if not isinstance(error, AppError):
            why = error.message if isinstance(error, MultiPartException) else "Not the charset that it names"
            raise MultipartInvalidError(
                f"The form cannot be read ({why.rstrip('.')}): "
                "send multipart/form-data as a browser or curl -F does."
            ) from error
        raise
    try:
        yield _form(data, rules, repeated)
    finally:
        await data.close()


async def _url_encoded(request: Request) -> FormData:
    """A form without files, as browsers and libraries send it when there are none."""
    refuse_declared(request, _MAX_FIELD_BYTES)
    body = b"".join([part async for part in counted(request, _MAX_FIELD_BYTES)])
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
        return FormData([(name, value) for name, value in fields])
    except ValueError as error:  # of another encoding, or too many fields
        raise MultipartInvalidError(
            f"The form cannot be read ({error}): send at most {MAX_FIELDS} fields as a browser or curl does."
        ) from error


class _Parser(MultiPartParser):
    """Starlette's parser with a rule for each file field."""

    def __init__(
        self, request: Request, body: AsyncGenerator[bytes, None], rules: Mapping[str, FileRule]
    ) -> None:
        super().__init__(
            request.headers,
            body,
            max_files=float("inf"),  # bounded by the rules
            max_fields=MAX_FIELDS,
            max_part_size=_MAX_FIELD_BYTES,
        )
        self._rules = rules
        self._counts: dict[str, int] = {}
        self._file_bytes = 0
        self._ended = False

    async def parse(self) -> FormData:
        """The form. Raises MultiPartException also when it ends before its end, where the last part may be
        lost and nobody would know."""
        data = await super().parse()
        if not self._ended:
            await data.close()
            for file in self._files_to_close_on_error:
                file.close()
            raise MultiPartException("It is cut off: the boundary that ends it is missing")
        return data

    def on_end(self) -> None:
        super().on_end()
        self._ended = True

    def on_headers_finished(self) -> None:
        part = self._current_part
        disposition = bytes(part.content_disposition or b"")
        extended = extended_name(disposition)
        if extended is not None and b"filename" not in parse_options_header(disposition)[1]:
            part.content_disposition = disposition + b'; filename="file"'  # else it would be taken for a text
        super().on_headers_finished()
        if part.file is not None:
            part.file.filename = extended or plain_name(part.file.filename or "")
        self._file_bytes = 0
        name = part.field_name
        name.encode()  # some charsets can name half a character, which no answer could repeat
        if part.file is None:
            if name in self._rules:
                raise ValidationError(
                    f"`{name}` must be a file: with curl, write -F {name}=@{self._rules[name].sample}."
                )
            return
        encoding = part.file.headers.get("content-transfer-encoding", "binary").strip().lower()
        if encoding not in ("binary", "8bit", "7bit"):  # of mail; RFC 7578 does without
            raise UnsupportedMediaTypeError(
                f"`{name}` is encoded ({encoding[:40]}): send its bytes as they are, without "
                "Content-Transfer-Encoding."
            )
        if name not in self._rules:
            known = ", ".join(f"`{field}`" for field in self._rules) or "none"
            raise invalid_values([{"field": name, "detail": f"is no file field here; there are: {known}"}])
        self._counts[name] = self._counts.get(name, 0) + 1
        if self._counts[name] > self._rules[name].at_most:
            raise TooManyFilesError(
                f"`{name}` takes at most {_files(self._rules[name].at_most)}: leave out the others.",
                field=name,
            )

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        part = self._current_part
        if part.file is not None:
            self._file_bytes += end - start
            limit = self._rules[part.field_name].max_bytes
            if self._file_bytes > limit:
                raise FileTooLargeError(
                    f"File {self._counts[part.field_name]} of `{part.field_name}` is larger than "
                    f"{limit / MIB:g} MiB: send a smaller one.",
                    field=part.field_name,
                )
        super().on_part_data(data, start, end)


def _form(data: FormData, rules: Mapping[str, FileRule], repeated: Collection[str]) -> Form:
    files: dict[str, list[UploadFile]] = {name: [] for name in rules}
    values: dict[str, str | list[str]] = {}
    lists: dict[str, list[str]] = {}
    fields = {address_field(name): name for name, rule in rules.items() if rule.address}
    addresses: dict[str, list[str]] = {}
    for name, item in data.multi_items():
        if isinstance(item, UploadFile):
            if item.filename or item.size:  # a browser sends a nameless empty file for an untouched field
                files[name].append(item)
        elif name in fields:
            addresses.setdefault(fields[name], []).append(item)
        elif name in repeated:
            lists.setdefault(name, []).append(item)
        elif name in values:
            raise invalid_values([{"field": name, "detail": "was given more than once"}])
        else:
            values[name] = item
    for name, rule in rules.items():
        count = len(files[name]) + len(addresses.get(name, ()))
        if count > rule.at_most:
            raise TooManyFilesError(
                f"`{name}` takes at most {_files(rule.at_most)}, addresses among them: leave out the others.",
                field=name,
            )
        if count < rule.at_least:
            raise FilesMissingError(
                f"`{name}` needs {_range(rule)}: with curl, add -F {name}=@{rule.sample} for each.",
                field=name,
            )
    return Form(files, values | lists, addresses)


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _range(rule: FileRule) -> str:
    return _files(1) if rule.at_most == 1 else f"{rule.at_least} to {rule.at_most} files"


def form_body(options: type[BaseModel], rules: Mapping[str, FileRule]) -> dict[str, Any]:
    """The OpenAPI request body of a form: the options' fields and the files."""
    schema = options.model_json_schema()
    properties: dict[str, Any] = {}
    for name, rule in rules.items():
        file = {"type": "string", "contentMediaType": "application/octet-stream"}
        about = f"{rule.what}, at most {rule.max_bytes / MIB:g} MiB{'' if rule.at_most == 1 else ' each'}."
        properties[name] = (
            {**file, "description": about}
            if rule.at_most == 1
            else {
                "type": "array",
                "items": file,
                "minItems": rule.at_least,
                "maxItems": rule.at_most,
                "description": about,
            }
        )
        if rule.address:
            properties[address_field(name)] = _address_field(name, rule)
    definitions = schema.get("$defs", {})
    for name, described in schema.get("properties", {}).items():
        properties[name] = _form_field(described, definitions)
    required = [name for name, rule in rules.items() if rule.needed] + schema.get("required", [])
    body = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    content = {"multipart/form-data": {"schema": body}}
    if not any(rule.at_least for rule in rules.values()):
        plain = {name: field for name, field in properties.items() if name not in rules}
        content[URLENCODED] = {"schema": {**body, "properties": plain}}
    return {"requestBody": {"required": True, "content": content}}


def address_field(name: str) -> str:
    """The field that takes addresses of the files of a field."""
    return f"{name}_url"


def _address_field(name: str, rule: FileRule) -> dict[str, Any]:
    """The field that takes addresses instead of files."""
    one = {"type": "string", "format": "uri", "maxLength": 2048}
    about = (
        f"Addresses that `{name}` are fetched from, beside or instead of files, and after them. Only from "
        "hosts that the operator allows (`FEWSTROKE_INPUT_HOSTS`); none by default."
    )
    if rule.at_most == 1:
        return {**one, "description": about.replace("Addresses", "An address")}
    return {"type": "array", "items": one, "maxItems": rule.at_most, "description": about}


def _form_field(field: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """A field's schema on its own: definitions inlined, and no null, which a form cannot send."""
    options = [option for option in field.get("anyOf", [field]) if option.get("type") != "null"]
    plain = {**options[0], **{key: value for key, value in field.items() if key not in ("anyOf", "default")}}
    if field.get("default") is not None:
        plain["default"] = field["default"]
    if "$ref" in plain:
        target = definitions[plain.pop("$ref").rpartition("/")[2]]
        plain = {**target, **plain}
    plain.pop("title", None)
    return plain
