"""The record of a job, and its kinds and states."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from model.modality import IMAGE


class JobKind(StrEnum):
    """What a worker does for the job."""

    ADAPT = "adapt"  # examples -> style
    STYLIZE = "stylize"  # contents and a style -> images
    STYLIZE_ONCE = "stylize_once"  # examples and one content -> style and image
    GENERATE = "generate"  # a style and options -> files of the style's modality
    BATCH = "batch"  # a ZIP of photos and a style -> images, one by one while nobody waits for anything else


class JobState(StrEnum):
    """The states; see :mod:`app.jobs.ledger` for the transitions."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELING = "canceling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"

    @property
    def terminal(self) -> bool:
        """True when the state is final."""
        return self in _TERMINAL


_TERMINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED, JobState.EXPIRED})
ACTIVE_STATES = frozenset(JobState) - _TERMINAL
RETRYABLE_STATES = frozenset({JobState.FAILED, JobState.CANCELED, JobState.EXPIRED})


@dataclass(frozen=True)
class Job:
    """One row of the ledger, as it was when it was read.

    ``modality``: what is learned or made, see ``model.modality``; the parameters below are those of pictures.
    Of all others they are ``works`` (file ids) of an adaptation; of a generation ``options`` (by name),
    ``inputs`` (file ids by field), ``styles``; of both ``style_id`` and ``cost`` (in renderings).

    ``params`` hold ids, never bytes: ``examples``, ``contents`` and ``mask`` (image ids), ``style_id``,
    ``steps``, ``seed``, ``rights`` and ``licence`` of an adaptation; of a rendering ``strength``,
    ``abstraction``,
    ``stroke_size``, ``size``, ``format`` (``png|jpeg|webp``), ``quality``, ``feather``,
    ``preserve_color``, ``provenance`` (``signed|metadata|none``), ``label`` (its place, or ``none``),
    ``styles`` (``[{"id", "weight"}]``, shares
    that sum to 1; ``style_id`` is the heaviest), ``outside_style_id``, ``items`` (one for each uploaded
    content: ``{"name", "content_id" | None, "error" | None}``), ``manifests`` (contents that came with a
    signed manifest of their own), and for moving contents ``clips`` (frames
    by image id) and ``clip_format``.

    Of a batch ``inputs`` are the ids of the ``photos`` (a ZIP) and of the ``renderings`` (JSON lines),
    ``batch`` is its row, and ``cost`` is 0: nobody waits for it. Its images stand in ``app.batches.tables``.

    ``result``: ``{"style_id", "images": [image ids], "failures": [{"content_id", "code", "detail"}],
    "losses": {"start", "end"}, "steps", "seconds"}``; of a generation also ``pieces``:
    ``[{"about": {…}, "files": [{"id", "form", "media_type", "size_bytes"}]}]``.
    """

    id: str
    kind: JobKind
    state: JobState
    attempt: int  # counted before the run; the fencing token of every write of a worker
    params: dict[str, Any]
    result: dict[str, Any] | None
    error: dict[str, Any] | None  # {"code", "detail"}
    style_id: str | None
    owner: str
    lane: str  # of the queue
    ticket: str  # the queue's message that stands for it: jobs of a lane swap them (app.jobs.fair_queue)
    generation: int  # how often the job got a new ticket, because the queue's storage was lost
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    worker_id: str | None = None
    retry_of: str | None = None
    origin: dict[str, str] = field(default_factory=dict)  # the request that made it (app.jobs.tracing)
    releases: int = 0  # attempts given back at a graceful shutdown
    modality: str = IMAGE

    @property
    def counted(self) -> int:
        """Attempts that count against the job, the present one among them: all but those given back."""
        return self.attempt - self.releases
