"""The fields and answers of OpenAI's image edits, as far as they mean something here."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.bounds import MIN_SIZE
from app.imaging.formats import OutputFormat
from app.validators import STORABLE
from model.image.dials import DEFAULT_ABSTRACTION

LEARN = "fewstroke"
"""The model that learns a style from the examples of the request."""


class Quality(StrEnum):
    """How much work goes into a picture."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"
    MAX = "max"
    AUTO = "auto"
    STANDARD = "standard"


EFFORT: dict[Quality, tuple[int | None, float]] = {
    Quality.LOW: (0, 0.2),
    Quality.MEDIUM: (12, DEFAULT_ABSTRACTION),
    Quality.HIGH: (None, DEFAULT_ABSTRACTION),
    Quality.XHIGH: (48, 0.4),
    Quality.MAX: (100, 0.5),
    Quality.AUTO: (None, DEFAULT_ABSTRACTION),
    Quality.STANDARD: (None, DEFAULT_ABSTRACTION),
}
"""Inner steps (None: the service's default), and abstraction: after few steps a style is sure of less,
so more of the photo is kept."""


class EditOptions(BaseModel):
    """The fields of `POST /v1/images/edits` besides the files."""

    model_config = ConfigDict(extra="forbid")

    prompt: Annotated[str | None, STORABLE] = Field(
        None,
        max_length=32_000,
        description="What the style is about is said by its examples, not in words: the prompt becomes the "
        "name of the style that is learned (200 characters of it).",
    )
    model: Annotated[str | None, STORABLE] = Field(
        None,
        max_length=64,
        description="A style (`sty_…`, or a preset's short name such as `hokusai`, see `GET /v1/models`), "
        f"which is put on the one image; default: `{LEARN}`, which learns one from the other images.",
    )
    n: int = Field(1, ge=1, le=1, description="The same images give the same picture: there is one.")
    size: str = Field(
        "auto",
        pattern=r"^(auto|[1-9]\d{1,4}x[1-9]\d{1,4})$",
        description="`auto` or `1536x1024`: the larger number is the longer side of the result, at most. "
        "The photo keeps its shape, and is never enlarged.",
    )
    quality: Quality = Field(
        Quality.AUTO,
        description="Inner steps and abstraction: `low` (0 steps) is quick, `max` (100) slow; `auto` is "
        "`high`, the service's default.",
    )
    output_format: OutputFormat = Field(OutputFormat.PNG, description="File format of the result.")
    output_compression: int | None = Field(
        None, ge=0, le=100, description="Quality of a jpeg or webp; default: 92."
    )
    response_format: Literal["b64_json", "url"] = Field(
        "b64_json", description="The bytes in base64, or a signed link to them, good for an hour."
    )
    stream: bool = Field(False, description="Answer with server-sent events.")
    partial_images: int = Field(
        0, ge=0, le=3, description="Previews (JPEG) in a stream, at most, while the style is learned."
    )
    background: Literal["auto", "opaque", "transparent"] = Field(
        "auto", description="A photo's own transparency is kept by png and webp; none is made."
    )
    input_fidelity: Literal["low", "high"] | None = Field(None, description="Taken and not looked at.")
    moderation: Literal["low", "auto"] | None = Field(None, description="Taken and not looked at.")
    user: Annotated[str | None, STORABLE] = Field(
        None, max_length=512, description="Taken and not looked at."
    )
    safety_identifier: Annotated[str | None, STORABLE] = Field(
        None, max_length=512, description="Taken and not looked at."
    )

    @property
    def longer_side(self) -> int | None:
        """Of the result, in pixels; None: the service's default."""
        if self.size == "auto":
            return None
        return max(MIN_SIZE, *map(int, self.size.split("x")))

    @property
    def compression(self) -> int | None:
        """Quality of the file, 1 to 100; None: the default, or a format that has none."""
        if self.output_compression is None or not self.output_format.lossy:
            return None
        return max(1, self.output_compression)


class EditUsageDetails(BaseModel):
    """Of what kind they are."""

    image_tokens: int = 0
    text_tokens: int = 0


class EditUsage(BaseModel):
    """No tokens are counted here."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_tokens_details: EditUsageDetails = EditUsageDetails()


class EditImage(BaseModel):
    """A result: its bytes, or where they are."""

    b64_json: str | None = None
    url: str | None = None


class EditedImages(BaseModel):
    """The answer to an edit."""

    created: int = Field(description="When, in seconds since 1970.")
    data: list[EditImage]
    output_format: OutputFormat
    quality: Quality
    size: str = Field(description="Of the result in pixels, such as `1280x853`.")
    usage: EditUsage = EditUsage()


class PartialImage(BaseModel):
    """The event ``image_edit.partial_image``."""

    type: Literal["image_edit.partial_image"] = "image_edit.partial_image"
    b64_json: str
    partial_image_index: int
    created_at: int
    background: Literal["auto"] = "auto"
    output_format: Literal["jpeg"] = "jpeg"
    quality: Quality
    size: str


class CompletedImage(BaseModel):
    """The event ``image_edit.completed``."""

    type: Literal["image_edit.completed"] = "image_edit.completed"
    b64_json: str
    created_at: int
    background: Literal["auto"] = "auto"
    output_format: OutputFormat
    quality: Quality
    size: str
    usage: EditUsage = EditUsage()


class OpenAIModel(BaseModel):
    """A style as OpenAI's clients read a model."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="When, in seconds since 1970.")
    owned_by: str = Field(description="`fewstroke` for what comes with the service, else the key's owner.")
    name: str | None = Field(description="The style's name, for people.")
    modality: str = Field(description="What it makes: `image`, `music` and so on. Edits need an `image`.")
