"""The tools: few and coarse, each one or two calls of the HTTP interface."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel, ConfigDict, Field

from app.mcp.api_client import ApiClient, ApiRefusalError, Upload
from app.mcp.results import is_over, result_of
from model.image.dials import (
    DEFAULT_ABSTRACTION,
    LEAST_STROKE_SIZE,
    MOST_STRENGTH,
    MOST_STROKE_SIZE,
)

_POLL = 1.0  # s between two looks at a job
_LISTED = 100  # styles of one answer
_FILE = "its bytes in base64, or a data: URL; with `fewstroke mcp` also a path of this machine"


class Arguments(BaseModel):
    """Of a tool; what it does not know is refused."""

    model_config = ConfigDict(extra="forbid")


class Waiting(Arguments):
    """Of a tool that makes a job."""

    wait_seconds: int = Field(
        45, ge=0, le=240, description="How long to wait for the result; the job goes on after that."
    )


class LearnStyle(Waiting):
    """Learn a style from 1 to 16 examples of it: pictures, works of a composer (MIDI, MusicXML), Chinese
    poems or English prose (also .docx or .epub). The answer names the style's id. Five pictures take about
    half a minute."""

    examples: list[str] = Field([], max_length=16, description=f"Files, each {_FILE}.")
    texts: list[str] = Field([], max_length=16, description="Examples that are texts, as they are.")
    name: str | None = Field(None, max_length=200)
    steps: int | None = Field(None, ge=0, description="Inner steps; 0 is quick and coarse. Default: 24.")


class Stylize(Waiting):
    """Redraw a photo in a style: one that is ready (`style_id`), or one that is learned from `examples`
    first. The answer holds a small picture and a link to the result."""

    photo: str = Field(description=f"The photo, {_FILE}.")
    style_id: str | None = Field(None, description="`sty_…`, from list_styles or learn_style.")
    examples: list[str] = Field([], max_length=16, description=f"Pictures in one style, each {_FILE}.")
    strength: float | None = Field(
        None, ge=0, le=MOST_STRENGTH, description="0 is the photo, 1 (default) the style."
    )
    abstraction: float | None = Field(
        None, ge=0, le=1, description=f"Large shapes instead of the photo's detail; {DEFAULT_ABSTRACTION}."
    )
    stroke_size: float | None = Field(None, ge=LEAST_STROKE_SIZE, le=MOST_STROKE_SIZE)
    preserve_color: bool = Field(False, description="Keep the photo's colours.")
    size: int | None = Field(None, ge=16, description="Longer side in pixels; default: at most 1280.")
    format: Literal["jpeg", "png", "webp"] = "jpeg"


class Compose(Waiting):
    """Compose a song in a style of music. The answer links MIDI, score and sound."""

    style_id: str
    bars: int | None = Field(None, ge=2, description="Default: 16.")
    key: str | None = Field(None, description="Such as `Eb minor`.")
    meter: str | None = Field(None, description="Such as `3/4`.")
    tempo: float | None = Field(None, description="Quarters a minute.")
    seed: int | None = Field(None, ge=0, description="Another one gives another song.")


class Write(Waiting):
    """Write in a style of texts: Chinese poems or an English story, as the style was learned. The answer
    holds the text."""

    style_id: str
    title: str | None = None
    form: str | None = Field(None, description="Of a poem, such as `jueju`.")
    length: int | None = Field(None, description="Of a story, in words.")
    mood: str | None = Field(None, description="Of a story, in a few words.")
    seed: int | None = Field(None, ge=0, description="Another one gives another text.")


class ListStyles(Arguments):
    """The styles that are ready: those of the key's owner, and those that come with the service."""

    name: str | None = Field(None, description="A part of the name.")
    modality: Literal["image", "music", "poems", "stories"] | None = None


class WaitForJob(Arguments):
    """Wait for a job that another tool has begun, and get what it has made."""

    job_id: str
    wait_seconds: int = Field(45, ge=0, le=240)


async def learn_style(api: ApiClient, given: LearnStyle) -> CallToolResult:
    """Raises ApiRefusalError."""
    files = await _uploads(api, given.examples)
    files += [(f"{number}.txt", text.encode()) for number, text in enumerate(given.texts)]
    if not files:
        raise ApiRefusalError("There is nothing to learn from: give files as examples, or texts.")
    made = await api.submit(
        "/v1/styles",
        {"name": given.name, "steps": given.steps},
        [("examples", file) for file in files],
        wait=given.wait_seconds,
    )
    return await result_of(api, made["job"])


async def stylize(api: ApiClient, given: Stylize) -> CallToolResult:
    """Raises ApiRefusalError."""
    if (given.style_id is None) == (not given.examples):
        raise ApiRefusalError("Name a style (style_id), or give examples to learn one from, and not both.")
    fields = given.model_dump(exclude={"photo", "examples", "wait_seconds"})
    (photo,) = await _uploads(api, [given.photo])
    if given.style_id is not None:
        made = await api.submit("/v1/stylizations", fields, [("contents", photo)], wait=given.wait_seconds)
    else:
        examples = await _uploads(api, given.examples)
        files = [("content", photo), *(("examples", example) for example in examples)]
        made = await api.submit("/v1/stylize", fields, files, wait=given.wait_seconds)
    return await result_of(api, made["job"])


async def compose(api: ApiClient, given: Compose) -> CallToolResult:
    """Raises ApiRefusalError."""
    fields = given.model_dump(exclude={"wait_seconds"})
    made = await api.submit("/v1/compositions", fields, wait=given.wait_seconds)
    return await result_of(api, made["job"])


async def write(api: ApiClient, given: Write) -> CallToolResult:
    """Raises ApiRefusalError."""
    style = await api.get(f"/v1/styles/{given.style_id}")
    path = "/v1/stories" if style["modality"] == "stories" else "/v1/poems"
    made = await api.submit(path, given.model_dump(exclude={"wait_seconds"}), wait=given.wait_seconds)
    return await result_of(api, made["job"])


async def list_styles(api: ApiClient, given: ListStyles) -> CallToolResult:
    """Raises ApiRefusalError."""
    wanted = {key: value for key, value in given.model_dump().items() if value is not None}
    wanted |= {"status": "ready", "limit": _LISTED}
    own = await api.get("/v1/styles", **wanted)
    presets = await api.get("/v1/styles", **wanted, preset="true")
    styles = [
        {key: style[key] for key in ("id", "name", "modality", "description")}
        for style in [*own["items"], *presets["items"]]
    ]
    lines = [f"{style['id']}: {style['name'] or 'without a name'} ({style['modality']})" for style in styles]
    return CallToolResult(
        content=[TextContent(text="\n".join(lines) or "There is none: learn one with learn_style.")],
        structured_content={"styles": styles},
    )


async def wait_for_job(api: ApiClient, given: WaitForJob) -> CallToolResult:
    """Raises ApiRefusalError."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + given.wait_seconds
    while True:
        job = await api.get(f"/v1/jobs/{given.job_id}")
        if is_over(job) or clock() >= deadline:
            return await result_of(api, job)
        await asyncio.sleep(_POLL)


async def _uploads(api: ApiClient, given: list[str]) -> list[Upload]:
    return await asyncio.to_thread(lambda: [api.upload(item, number) for number, item in enumerate(given, 1)])


Given = TypeVar("Given", bound=Arguments)


@dataclass(frozen=True)
class Tool:
    """Its arguments, whose docstring describes it, and what it does."""

    arguments: type[Arguments]
    call: Callable[[ApiClient, Any], Awaitable[CallToolResult]]
    reads_only: bool = False


TOOLS: dict[str, Tool] = {
    "learn_style": Tool(LearnStyle, learn_style),
    "stylize": Tool(Stylize, stylize),
    "compose": Tool(Compose, compose),
    "write": Tool(Write, write),
    "list_styles": Tool(ListStyles, list_styles, reads_only=True),
    "wait_for_job": Tool(WaitForJob, wait_for_job, reads_only=True),
}
"""By their names."""
