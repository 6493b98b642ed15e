"""Learning an author from a few texts: the inner loop on phi, from the start of the checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from model.errors import AdaptationCanceled
from model.formats import StyleHeader
from model.maml import Adam, InnerStep, inner_loop
from model.sequence.network import expand_phi
from model.sequence.objective import BETAS, stored_rates
from model.text.errors import EmptyTextError
from model.text.reading import Text
from model.text.stories.base import StoriesBase, StoryLoss
from model.text.stories.description import describe
from model.text.stories.limits import DEFAULT_STEPS, MAX_STEPS
from model.text.stories.passages import ASKED, asked, passages, support_batches, tidy
from model.text.stories.style import MAX_KEPT, MODALITY, StoryStyle

Progress = Callable[[int, int, float | None], None]
"""(steps taken, steps in all, support loss in nats a token before the last step)"""


def adapt_phi(
    base: StoriesBase,
    stretches: Sequence[Sequence[Sequence[int]]],
    *,
    steps: int = DEFAULT_STEPS,
    seed: int = 0,
    on_step: Callable[[InnerStep], bool | None] | None = None,
) -> tuple[dict[str, Tensor], list[float]]:
    """phi after ``steps`` steps on the stretches of each text, and the losses before each step."""
    result = inner_loop(
        StoryLoss(base.network),
        expand_phi(base.phi, 1),
        support_batches(stretches, base.tokenizer.encode(asked(ASKED)).ids, seed),
        Adam(stored_rates(base.rates, base.phi), betas=BETAS),
        steps,
        on_step=on_step,
    )
    losses = [float(loss) for loss in result.support_losses]
    return {name: value[0] for name, value in result.params.items()}, losses


def adapt(
    base: StoriesBase,
    texts: Sequence[Text],
    *,
    steps: int = DEFAULT_STEPS,
    seed: int = 0,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> StoryStyle:
    """The style of some English prose.

    Args:
        base: everything loaded.
        texts: 1 to 16.
        steps: inner steps, 0 to 64.
        seed: of the order in which passages are read.
        on_progress: see ``Progress``.
        should_stop: asked between steps.

    Raises:
        EmptyTextError: too little prose.
        AdaptationCanceled: ``should_stop`` answered True.
    """
    if not 0 <= steps <= MAX_STEPS:
        raise ValueError(f"steps must be between 0 and {MAX_STEPS}, not {steps}")
    kept = [Text(text.title, text.text[:MAX_KEPT]) for text in texts]
    stretches = passages(kept, base.tokenizer)
    if not any(stretches):
        raise EmptyTextError("There is too little prose to learn from.")

    def visit(at: InnerStep) -> None:
        if should_stop is not None and should_stop():
            raise AdaptationCanceled("learning was cancelled")
        if on_progress is not None:
            on_progress(at.step, steps, float(at.support_loss) if at.support_loss is not None else None)

    phi, losses = adapt_phi(base, stretches, steps=steps, seed=seed, on_step=visit)
    header = StyleHeader(
        base_hash=base.hash,
        k=len(texts),
        steps=steps,
        seed=seed,
        losses={"start": {"nats": losses[0]}, "end": {"nats": losses[-1]}} if losses else {},
        licence="Apache-2.0",
        modality=MODALITY,
    )
    room = MAX_KEPT // len(kept)
    examples = tuple(tidy(text.text)[:room] for text in kept)
    return StoryStyle(phi, header, examples, describe(kept))
