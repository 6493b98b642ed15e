"""Learning a composer from a few works: the inner loop on phi, from the meta-learned start."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from torch import Tensor

from model.errors import AdaptationCanceled
from model.formats import StyleHeader
from model.maml import Adam, InnerStep, inner_loop
from model.music.checkpoint import MusicBase
from model.music.encoding import EncodedSong, encode
from model.music.errors import EmptyWorkError, WorkTooLargeError
from model.music.limits import MAX_STEPS
from model.music.originality import build_index
from model.music.score import Score
from model.music.style import MODALITY, MusicStyle, Profile
from model.music.windows import draw_window, stack
from model.music.works import Work
from model.sequence.network import expand_phi
from model.sequence.objective import BETAS, Batch, SequenceLoss, stored_rates

MAX_EXAMPLES = 16
DEFAULT_STEPS = 6
LENGTH = 384  # tokens of a stretch
STRETCHES = 8  # of one step

Progress = Callable[[int, int, float | None], None]
"""(steps taken, steps in all, support loss in nats a token before the last step)"""


def support_batches(
    songs: Sequence[EncodedSong], seed: int, *, stretches: int = STRETCHES
) -> Callable[[int], Batch]:
    """Step -> stretches of the examples, drawn anew at every step, of the songs in turn."""

    def draw(step: int) -> Batch:
        rng = random.Random(f"{seed} {step}")
        order = [(step * stretches + i) % len(songs) for i in range(stretches)]
        return stack([draw_window(songs[i], LENGTH, rng) for i in order], LENGTH)

    return draw


def adapt_phi(
    base: MusicBase,
    songs: Sequence[EncodedSong],
    *,
    steps: int = DEFAULT_STEPS,
    seed: int = 0,
    on_step: Callable[[InnerStep], bool | None] | None = None,
) -> tuple[dict[str, Tensor], list[float]]:
    """phi after ``steps`` steps on ``songs`` (without the task dimension), and the losses before each."""
    result = inner_loop(
        SequenceLoss(base.network),
        expand_phi(base.phi, 1),
        support_batches(songs, seed),
        Adam(stored_rates(base.rates, base.phi), betas=BETAS),
        steps,
        on_step=on_step,
    )
    return {name: value[0] for name, value in result.params.items()}, [
        float(x) for x in result.support_losses
    ]


def adapt(
    base: MusicBase,
    examples: Sequence[Score],
    *,
    steps: int = DEFAULT_STEPS,
    seed: int = 0,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> MusicStyle:
    """The style of some works.

    Args:
        base: the checkpoint.
        examples: 1 to 16 scores.
        steps: inner steps, 0 to 64.
        seed: of the stretches that are heard.
        on_progress: see ``Progress``.
        should_stop: asked between steps.

    Raises:
        EmptyWorkError: no examples.
        WorkTooLargeError: too many.
        AdaptationCanceled: ``should_stop`` answered True.
    """
    if not examples:
        raise EmptyWorkError("There are no works to learn from.")
    if len(examples) > MAX_EXAMPLES:
        raise WorkTooLargeError(
            f"There are {len(examples)} works, and at most {MAX_EXAMPLES} are learned from."
        )
    if not 0 <= steps <= MAX_STEPS:
        raise ValueError(f"steps must be between 0 and {MAX_STEPS}, not {steps}")
    songs = [encode(score) for score in examples]

    def visit(at: InnerStep) -> None:
        if should_stop is not None and should_stop():
            raise AdaptationCanceled("learning was cancelled")
        if on_progress is not None:
            on_progress(at.step, steps, float(at.support_loss) if at.support_loss is not None else None)

    phi, losses = adapt_phi(base, songs, steps=steps, seed=seed, on_step=visit)
    works = [
        Work("example", str(i), str(i), score.title or f"example {i + 1}", song)
        for i, (score, song) in enumerate(zip(examples, songs, strict=True))
    ]
    index, _ = build_index(works)
    header = StyleHeader(
        base_hash=base.hash,
        k=len(examples),
        steps=steps,
        seed=seed,
        losses={"start": {"nats": losses[0]}, "end": {"nats": losses[-1]}} if losses else {},
        licence=str(base.header.get("card", {}).get("licence", "")),
        modality=MODALITY,
    )
    return MusicStyle(phi, header, Profile.of(examples), index, tuple(work.title for work in works))
