"""What the service answers, as frozen dataclasses. Times are aware, ids are strings."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

TERMINAL = frozenset({"succeeded", "failed", "canceled", "expired"})
"""States in which a job is over."""


@dataclass(frozen=True, slots=True)
class Image:
    """A result as jobs and stylizations name it; ``client.download_image`` gets its bytes."""

    id: str
    url: str


@dataclass(frozen=True, slots=True)
class ResultFile:
    """One form of a result that is no picture, such as MIDI; ``client.download_file`` gets its bytes."""

    id: str
    form: str
    media_type: str
    size_bytes: int
    url: str


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job, or a content of it, did not succeed."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class JobResult:
    """What a job made. ``losses``: ``total`` on held-out photos at ``start`` and ``end``; 1: not learned. Of
    music ``nats`` a token on the examples."""

    style_id: str | None
    images: list[Image]
    losses: dict[str, dict[str, float]]
    steps: int
    seconds: float
    files: list[ResultFile] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Job:
    """A job. ``state``: queued, running, canceling, succeeded, failed, canceled or expired."""

    id: str
    kind: str
    state: str
    attempt: int
    retry_of: str | None
    style_id: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    result: JobResult | None
    error: JobError | None
    modality: str = "image"

    @property
    def over(self) -> bool:
        """Whether the state is final."""
        return self.state in TERMINAL


@dataclass(frozen=True, slots=True)
class Style:
    """A style. ``status``: pending, ready, failed, canceled, or outdated (``relearn_style``)."""

    id: str
    name: str | None
    description: str | None
    status: str
    job_id: str | None
    base_hash: str | None
    size_bytes: int | None
    header: dict[str, Any] | None
    created_at: datetime
    expires_at: datetime | None
    ready_at: datetime | None
    modality: str = "image"  # or "music": what its examples are
    rights: str | None = None  # whose the examples are
    licence: str | None = None  # under which they may be learned from


@dataclass(frozen=True, slots=True)
class StyleShare:
    """A style in a blend; the weights of a blend sum to 1."""

    id: str
    weight: float


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """How contents were rendered."""

    strength: float
    abstraction: float
    stroke_size: float
    preserve_color: bool
    size: int | None
    format: str
    quality: int | None
    mask_id: str | None
    outside_style_id: str | None
    feather: float
    provenance: str
    label: str


@dataclass(frozen=True, slots=True)
class StylizationItem:
    """A content and what became of it. ``status``: pending, succeeded, failed, canceled,
    or deleted (there was a result)."""

    position: int
    name: str | None
    status: str
    content_id: str | None
    image: Image | None
    error: JobError | None


@dataclass(frozen=True, slots=True)
class Stylization:
    """Contents rendered in a style or a blend."""

    id: str
    style_id: str
    styles: list[StyleShare]
    settings: RenderSettings
    created_at: datetime
    expires_at: datetime | None
    job: Job
    items: list[StylizationItem]
    images: list[Image]


@dataclass(frozen=True, slots=True)
class SharedRun:
    """What a composition shares with known works: the ``longest`` run of notes, the ``share`` of its runs of
    eight, and the ``nearest`` place with bar numbers."""

    longest: int
    share: float
    nearest: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Originality:
    """How original a composition is; ``human``: what songs of different composers share."""

    examples: SharedRun
    training: SharedRun
    human: dict[str, float]


@dataclass(frozen=True, slots=True)
class CompositionAbout:
    """What a composition is. ``tempo``: quarters a minute; ``moved_by_mood``: what, and whereto."""

    title: str
    key: str
    tempo: float
    meter: str
    bars: int
    seconds: float
    voice: bool
    moved_by_mood: dict[str, str]
    seed: int
    originality: Originality


@dataclass(frozen=True, slots=True)
class CompositionPiece:
    """One composition in all its forms."""

    position: int
    about: CompositionAbout
    files: list[ResultFile]

    def file(self, form: str) -> ResultFile:
        """Its file of a form, such as "mid". Raises KeyError when there is none."""
        for file in self.files:
            if file.form == form:
                return file
        raise KeyError(form)


@dataclass(frozen=True, slots=True)
class Composition:
    """Compositions in a style or a blend. ``settings``: what was asked for."""

    id: str
    style_id: str
    styles: list[StyleShare]
    settings: dict[str, Any]
    created_at: datetime
    expires_at: datetime | None
    job: Job
    items: list[CompositionPiece]


@dataclass(frozen=True, slots=True)
class CompositionAccepted:
    """A new composition and its job."""

    composition: Composition
    job: Job


@dataclass(frozen=True, slots=True)
class FileInfo:
    """An upload or a result that is no picture. ``url``: good without a key until ``url_expires_at``."""

    id: str
    role: str
    job_id: str
    position: int
    form: str
    media_type: str
    size_bytes: int
    sha256: str
    created_at: datetime
    expires_at: datetime | None
    url: str
    url_expires_at: datetime


@dataclass(frozen=True, slots=True)
class StyleAccepted:
    """A new style and the job that makes it."""

    style: Style
    job: Job


@dataclass(frozen=True, slots=True)
class StylizationAccepted:
    """A new stylization and its job."""

    stylization: Stylization
    job: Job


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """How far a batch is."""

    total: int
    succeeded: int
    failed: int


@dataclass(frozen=True, slots=True)
class BatchError:
    """A photo of a batch that became no picture."""

    position: int
    custom_id: str
    photo: str
    error: JobError


@dataclass(frozen=True, slots=True)
class Batch:
    """A ZIP of photos drawn in a style, after everything else. ``errors``: the first hundred."""

    id: str
    style_id: str
    styles: list[StyleShare]
    settings: dict[str, Any]
    created_at: datetime
    expires_at: datetime | None
    job: Job
    counts: BatchCounts
    errors: list[BatchError]


@dataclass(frozen=True, slots=True)
class BatchAccepted:
    """A new batch and its job."""

    batch: Batch
    job: Job


@dataclass(frozen=True, slots=True)
class OneCallAccepted:
    """What one call makes."""

    style: Style
    stylization: Stylization
    job: Job


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """An upload or a result. ``url`` is a signed link that is good without a key until ``url_expires_at``."""

    id: str
    role: str
    job_id: str
    source_id: str | None
    media_type: str
    width: int
    height: int
    size_bytes: int
    sha256: str
    created_at: datetime
    expires_at: datetime | None
    provenance: dict[str, Any] | None
    url: str
    url_expires_at: datetime
    marks: dict[str, Any] | None = None  # what an upload's file said of its origin, and forbids


@dataclass(frozen=True, slots=True)
class Model:
    """The base checkpoint that the service runs, and its limits."""

    base_hash: str
    default_steps: int | None
    max_steps: int
    max_examples: int
    max_strength: float | None = None  # None: an older service, which does not say
    default_abstraction: float | None = None
    min_stroke_size: float | None = None
    max_stroke_size: float | None = None
    max_size: int | None = None
    max_clip_frames: int | None = None
    max_clip_seconds: float | None = None
    max_archive_bytes: int | None = None
    max_archive_photos: int | None = None
    input_formats: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether jobs can be taken and done; ``missing`` says what is not there, and why."""

    status: str
    missing: dict[str, str]
    workers: int
    details: dict[str, str] | None = None  # sentences, for keys with `admin`


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished picture: its file's bytes, and what made it."""

    data: bytes = field(repr=False)
    media_type: str
    image_id: str
    job_id: str
    style_id: str

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the bytes to a file."""
        Path(path).write_bytes(self.data)
        return Path(path)


@dataclass(frozen=True, slots=True)
class StateEvent:
    """A job's state; the last event is one with ``over``."""

    state: str
    id: str | None = None

    @property
    def over(self) -> bool:
        """Whether the state is final."""
        return self.state in TERMINAL


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """Step ``step`` of ``steps`` is done. ``phase``: what the steps are: ``adapt``, ``stylize``,
    or ``generate`` (bars of compositions, characters of poems, words of stories)."""

    step: int
    steps: int
    losses: dict[str, float] = field(default_factory=dict)
    phase: str = "adapt"
    id: str | None = None


@dataclass(frozen=True, slots=True)
class PreviewEvent:
    """How a photo looks after ``step`` steps."""

    step: int
    media_type: str
    base64: str = field(repr=False)
    id: str | None = None

    @property
    def data(self) -> bytes:
        """The picture's bytes."""
        return base64.b64decode(self.base64)


@dataclass(frozen=True, slots=True)
class TextEvent:
    """From its character ``begin`` on, the result at ``position`` now reads ``text``."""

    position: int
    begin: int
    text: str
    id: str | None = None


JobEvent = StateEvent | ProgressEvent | PreviewEvent | TextEvent
