"""Learning a poet from a few poems: the inner loop on phi, from the meta-learned start."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from torch import Tensor

from model.errors import AdaptationCanceled
from model.formats import StyleHeader
from model.maml import Adam, InnerStep, inner_loop
from model.sequence.network import expand_phi
from model.sequence.objective import BETAS, Batch, SequenceLoss, stored_rates
from model.text.errors import EmptyTextError
from model.text.poems.alphabet import Alphabet
from model.text.poems.checkpoint import PoemsBase
from model.text.poems.description import describe
from model.text.poems.encoding import EncodedPoem, encode, stack
from model.text.poems.limits import DEFAULT_STEPS, MAX_STEPS
from model.text.poems.poem import Poem
from model.text.poems.style import MODALITY, PoemStyle
from model.text.poems.works import Kind

READ = 12  # poems of one step
LEAST = 20  # characters that can be learned from

Progress = Callable[[int, int, float | None], None]
"""(steps taken, steps in all, support loss in nats a character before the last step)"""


def support_batches(
    poems: Sequence[EncodedPoem], alphabet: Alphabet, seed: int, *, read: int = READ
) -> Callable[[int], Batch]:
    """Step -> poems of the examples in turn, titles shown or hidden by chance."""

    def draw(step: int) -> Batch:
        rng = random.Random(f"{seed} {step}")
        drawn = [poems[(step * read + i) % len(poems)] for i in range(min(read, len(poems)))]
        return stack(drawn, alphabet, rng)

    return draw


def kind_of(poems: Sequence[Poem]) -> Kind:
    """Shi where most poems have lines of one length (5 or 7), else ci."""
    even = sum(len({len(line) for line in poem.lines}) == 1 for poem in poems)
    return "shi" if even * 2 >= len(poems) else "ci"


def adapt_phi(
    base: PoemsBase,
    poems: Sequence[EncodedPoem],
    *,
    steps: int = DEFAULT_STEPS,
    seed: int = 0,
    on_step: Callable[[InnerStep], bool | None] | None = None,
) -> tuple[dict[str, Tensor], list[float]]:
    """phi after ``steps`` steps on ``poems`` (without the task dimension), and the losses before each."""
    result = inner_loop(
        SequenceLoss(base.network),
        expand_phi(base.phi, 1),
        support_batches(poems, base.alphabet, seed),
        Adam(stored_rates(base.rates, base.phi), betas=BETAS),
        steps,
        on_step=on_step,
    )
    losses = [float(loss) for loss in result.support_losses]
    return {name: value[0] for name, value in result.params.items()}, losses


def adapt(
    base: PoemsBase,
    poems: Sequence[Poem],
    *,
    simplified: bool = False,
    steps: int = DEFAULT_STEPS,
    seed: int = 0,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> PoemStyle:
    """The style of some poems.

    Args:
        base: the checkpoint.
        poems: in traditional characters.
        simplified: how they were written, and how what is made from the style is written.
        steps: inner steps, 0 to 64.
        seed: of what is hidden in which step.
        on_progress: see ``Progress``.
        should_stop: asked between steps.

    Raises:
        EmptyTextError: fewer than 20 characters of verse.
        AdaptationCanceled: ``should_stop`` answered True.
    """
    if sum(len(poem.text) for poem in poems) < LEAST:
        raise EmptyTextError("There is too little verse to learn from.")
    if not 0 <= steps <= MAX_STEPS:
        raise ValueError(f"steps must be between 0 and {MAX_STEPS}, not {steps}")
    kind = kind_of(poems)
    encoded = [encode(poem, kind, base.alphabet) for poem in poems]

    def visit(at: InnerStep) -> None:
        if should_stop is not None and should_stop():
            raise AdaptationCanceled("learning was cancelled")
        if on_progress is not None:
            on_progress(at.step, steps, float(at.support_loss) if at.support_loss is not None else None)

    phi, losses = adapt_phi(base, encoded, steps=steps, seed=seed, on_step=visit)
    header = StyleHeader(
        base_hash=base.hash,
        k=len(poems),
        steps=steps,
        seed=seed,
        losses={"start": {"nats": losses[0]}, "end": {"nats": losses[-1]}} if losses else {},
        licence=str(base.header.get("card", {}).get("licence", "")),
        modality=MODALITY,
    )
    described = describe(poems, encoded, base)
    return PoemStyle(phi, header, tuple(poems), kind, simplified, described)
