"""Says what a worker needs of a kind of works (pictures, music, text): the protocol ``Modality``; no torch.

To add one:

1. *Model.* A class that fits ``Generator`` (below), and a function ``load(checkpoint, device) -> Generator``,
   entered by its name in ``model.modalities.LOADERS``. A worker calls ``load`` when the first job of the
   modality comes, in its compute thread, and every method from that thread alone.
2. *Service.* An ``app.medium.Medium`` of the same name, entered in ``app.api.media.MEDIA``: which uploads it
   takes, how they are read in the sandboxed decoder process, its checkpoint, and the resource under which
   its results are asked for (options, limits, media types).

Everything else is there for all of them: forms, queue, fair turns, idempotency, batches, cancelling, retries,
crashes, progress over events, storage and its quotas, expiry, webhooks, clients.

A style file is safetensors with a ``model.formats.StyleHeader`` whose ``modality`` is the name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from model.errors import AdaptationCanceled, ModelError
from model.formats import StyleHeader

IMAGE = "image"
"""The modality of styles and jobs that name none: of versions that knew pictures only."""


class ModalityUnavailableError(ModelError):
    """This worker cannot load the modality: a package or a checkpoint is missing."""


@dataclass(frozen=True)
class Progress:
    """What ``on_progress`` of an adaptation gets at step 0 and after every step.

    Attributes:
        step: inner steps taken.
        steps: inner steps in all.
        losses: one figure by name, or several; {} where nothing was judged yet.
        preview: a picture (``PIL.Image``) of how far it is, or None.
    """

    step: int
    steps: int
    losses: Mapping[str, float]
    preview: Any = None


@dataclass(frozen=True)
class Learning:
    """One of many adaptations.

    Attributes:
        examples: as ``Modality.read_example`` gives them; of pictures ``PIL.Image``.
        contents: of pictures, photos like those that the style is meant for.
        seed: the same examples and seed give the same style.
        preview: of pictures, the photo that progress shows.
        on_progress: called from the compute thread.
        should_stop: asked between steps; True ends this adaptation with ``AdaptationCanceled``.
    """

    examples: Sequence[Any]
    contents: Sequence[Any] = ()
    seed: int = 0
    preview: Any = None
    on_progress: Callable[[Progress], None] | None = None
    should_stop: Callable[[], bool] | None = None


@dataclass(frozen=True)
class Written:
    """How far a text is: from its character ``begin`` on there stands ``text``, whatever stood there before.

    Attributes:
        position: of the result among those that were asked for.
        begin: in characters; 0 where it is written afresh.
        text: up to where it is now.
    """

    position: int
    begin: int
    text: str


@dataclass(frozen=True)
class Generation:
    """A request for results in a style.

    Attributes:
        style: as ``read_style`` or ``blend`` gave it.
        options: what the request asked for, by the names of the medium's options.
        files: files beside them, by field, as the decoder process wrote them: a primer, a beginning.
        on_progress: (done, in all), in a unit of the modality's own, such as bars.
        on_text: told of a text while it is written, where the modality writes.
        should_stop: asked often, at least once a second; True raises ``AdaptationCanceled``.
    """

    style: Any
    options: Mapping[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)
    on_progress: Callable[[int, int], None] | None = None
    on_text: Callable[[Written], None] | None = None
    should_stop: Callable[[], bool] | None = None


@dataclass(frozen=True)
class ResultFile:
    """One form of a result: ``form`` is its name and the file's extension, such as "mid"."""

    form: str
    media_type: str
    data: bytes


@dataclass(frozen=True)
class Piece:
    """One result: its files, and what is to be said about it (JSON values: seed, key, originality)."""

    files: Sequence[ResultFile]
    about: Mapping[str, Any] = field(default_factory=dict)


class LearnedStyle(Protocol):
    """A style: phi with its header. A dataclass: the service replaces its header by one that says whose the
    examples are."""

    @property
    def header(self) -> StyleHeader: ...
    def to_bytes(self) -> bytes: ...


class Modality(Protocol):
    """Learns styles from examples of one kind. Pictures are ``model.image.engine.Engine``."""

    @property
    def base_hash(self) -> str:
        """SHA-256 (hex) of the checkpoint that styles are adapted from."""

    @property
    def default_steps(self) -> int:
        """Inner steps where a request names none."""

    def read_example(self, data: bytes) -> Any:
        """An example from the file that the decoder process wrote. Raises ``ModelError``."""

    def adapt_many(
        self, requests: Sequence[Learning], *, steps: int | None = None, preview_every: int = 5
    ) -> Sequence[Any]:
        """A ``LearnedStyle`` for each, or ``AdaptationCanceled`` (not raised) where ``should_stop`` said so.

        Raises ``ModelError`` when one of them cannot be learned; the worker then tries them one by one.
        """

    def read_style(self, data: bytes) -> Any:
        """A style file. Raises ``StyleFormatError``, ``StyleBaseMismatchError``."""

    def blend(self, parts: Sequence[tuple[Any, float]]) -> Any:
        """One style between several, by weight."""


class Generator(Modality, Protocol):
    """A modality whose results are made one by one, from a style and options.

    Pictures are not: photos of many jobs share forward passes (``app.worker.render``).
    """

    def generate(self, request: Generation) -> Iterator[Piece]:
        """The results, as they come. Raises ``ModelError``, ``AdaptationCanceled``."""


def tell_loss(request: Learning) -> Callable[[int, int, float | None], None]:
    """``on_progress`` of an inner loop with a loss in nats: tells the request (step, steps, loss or None)."""

    def tell(step: int, steps: int, loss: float | None) -> None:
        if request.on_progress is not None:
            request.on_progress(Progress(step, steps, {} if loss is None else {"nats": loss}))

    return tell


def adapt_one_by_one(
    requests: Sequence[Learning], adapt: Callable[[Learning], LearnedStyle]
) -> list[LearnedStyle | AdaptationCanceled]:
    """``adapt_many`` of a modality that learns one style at a time."""
    found: list[LearnedStyle | AdaptationCanceled] = []
    for request in requests:
        try:
            found.append(adapt(request))
        except AdaptationCanceled as canceled:
            found.append(canceled)
    return found
