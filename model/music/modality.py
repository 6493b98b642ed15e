"""Music as a modality: what a worker needs to learn composers and to compose."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from model.errors import AdaptationCanceled
from model.modality import Generation, Learning, Piece, ResultFile, adapt_one_by_one, tell_loss
from model.music.adaptation import DEFAULT_STEPS, adapt
from model.music.checkpoint import MusicBase, load_music
from model.music.composition import Composer, Composition
from model.music.controls import Controls, Mood
from model.music.errors import (
    AudioUnavailableError,
    DamagedWorkError,
    EngravingUnavailableError,
    MusicUnavailableError,
)
from model.music.export import export
from model.music.limits import MAX_STEPS, MEDIA_TYPES
from model.music.notes_json import score_from_dict
from model.music.score import Score
from model.music.style import MusicStyle, blend_music_styles

logger = logging.getLogger(__name__)

_UNAVAILABLE = (AudioUnavailableError, EngravingUnavailableError, MusicUnavailableError)


def load(checkpoint: Path | None, device: str) -> MusicModality:
    """The packaged checkpoint, or another. On the CPU whatever ``device`` says: the network is small, and
    sampling goes token by token. Raises ``CheckpointMissingError``, ``CheckpointFormatError``."""
    return MusicModality(load_music(checkpoint))


class MusicModality:
    """Learns from scores and composes; fits ``model.modality.Generator``."""

    default_steps = DEFAULT_STEPS

    def __init__(self, base: MusicBase) -> None:
        self.base = base
        self.base_hash = base.hash
        self._composer = Composer(base)
        self._shapes = {name: value.shape for name, value in base.phi.items()}

    def read_example(self, data: bytes) -> Score:
        """A score as ``model.music.notes_json`` writes it. Raises ``DamagedWorkError``."""
        try:
            return score_from_dict(json.loads(data))
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise DamagedWorkError(f"The stored work cannot be read ({error!r}): send it again.") from error

    def adapt_many(
        self, requests: Sequence[Learning], *, steps: int | None = None, preview_every: int = 5
    ) -> list[Any]:
        """One after the other: the inner loop on phi fills a processor with one composer already."""
        taken = DEFAULT_STEPS if steps is None else min(steps, MAX_STEPS)
        return adapt_one_by_one(requests, lambda request: self._adapt(request, taken))

    def _adapt(self, request: Learning, steps: int) -> MusicStyle:
        return adapt(
            self.base,
            request.examples,
            steps=steps,
            seed=request.seed,
            on_progress=tell_loss(request),
            should_stop=request.should_stop,
        )

    def read_style(self, data: bytes) -> MusicStyle:
        """A style file. Raises ``StyleFormatError``, ``StyleBaseMismatchError``."""
        return MusicStyle.from_bytes(data, base_hash=self.base_hash, shapes=self._shapes)

    def blend(self, parts: Sequence[tuple[MusicStyle, float]]) -> MusicStyle:
        """One composer between several."""
        return parts[0][0] if len(parts) == 1 else blend_music_styles(parts)

    def generate(self, request: Generation) -> Iterator[Piece]:
        """Compositions, each in the asked forms. Raises ``ControlsError``, ``CompositionFailedError``,
        ``MusicUnavailableError`` for a form whose package is missing, ``AdaptationCanceled``."""
        primer = self.read_example(request.files["primer"]) if "primer" in request.files else None
        controls = controls_of(request.options, primer)
        forms = request.options.get("forms")
        made = self._composer.compose(
            request.style, controls, on_progress=request.on_progress, should_stop=request.should_stop
        )
        for composition in made:
            yield Piece(list(_written(composition, forms, request.should_stop)), about(composition))


def controls_of(options: Mapping[str, Any], primer: Score | None = None) -> Controls:
    """The controls of a request. Raises ``ControlsError``."""
    known = ("bars", "key", "mode", "tempo", "meter", "density", "voice", "temperature", "top_p", "seed",
             "count", "max_copied", "ending")  # fmt: skip
    given = {name: options[name] for name in known if options.get(name) is not None}
    valence, arousal = options.get("valence"), options.get("arousal")
    mood = None if valence is None and arousal is None else Mood(valence or 0.0, arousal or 0.0)
    infill = options.get("infill")
    return Controls(
        **given, mood=mood, primer=primer, infill=(int(infill[0]), int(infill[1])) if infill else None
    )


def about(composition: Composition) -> dict[str, Any]:
    """What is said about a composition, as JSON."""
    settled = composition.settled
    return {
        "title": composition.score.title,
        "key": settled.key.name,
        "tempo": settled.tempo,
        "meter": str(settled.meter),
        "bars": len(composition.score.bars),
        "seconds": round(composition.score.seconds, 3),
        "voice": settled.voice,
        "moved_by_mood": dict(settled.moved),
        "seed": composition.seed,
        "originality": composition.report.to_dict(),
    }


def _written(
    composition: Composition, forms: Sequence[str] | None, should_stop: Callable[[], bool] | None
) -> Iterator[ResultFile]:
    """The new bars in each form; with a primer also the whole, as MIDI and MusicXML.

    ``forms`` None: all but WAV, as far as the packages for them are installed.
    """
    for form in forms or [form for form in MEDIA_TYPES if form != "wav"]:
        if should_stop is not None and should_stop():
            raise AdaptationCanceled("composing was canceled")
        try:
            data = export(composition.score, form)
        except _UNAVAILABLE as error:
            if forms:
                raise
            logger.info("no %s: %s", form, error)
            continue
        yield ResultFile(form, MEDIA_TYPES[form], data)
    if composition.whole is not None:
        for form in ("mid", "musicxml"):
            yield ResultFile(f"whole.{form}", MEDIA_TYPES[form], export(composition.whole, form))
