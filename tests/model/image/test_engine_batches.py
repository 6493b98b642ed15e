"""Many tenants at once: what comes out in company is what comes out alone."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
import torch
from PIL import Image

from model.errors import AdaptationCanceled
from model.image.adaptation.inner_learning_rates import level_rates
from model.image.adaptation.loop import Adapted, adapt_batch
from model.image.adaptation.support import Adaptation, Photos
from model.image.checkpoint import phi_shapes
from model.image.dials import Dials
from model.image.engine import Engine
from model.image.engine_types import Rendering
from model.image.losses.objective import Objective
from model.image.media.folders import to_tensor
from model.image.network.networks import Networks
from model.image.network.style_params import Phi
from model.image.network.stylizer import Normalize
from model.image.pyramid import SIDES
from model.image.rendering.size_batches import batches
from model.image.style import Style
from model.maml import LearningRates
from model.modality import Learning
from tests.model.conftest import SMALL, picture, tiny_networks

LEVEL = 2  # of 256; bf16 rounds more than float32 does
STEPS = 5


@pytest.fixture
def rates(networks: Networks) -> list[LearningRates]:
    return level_rates(phi_shapes(networks), {}, 0.05)


def task(networks: Networks, objective: Objective, number: int) -> Adaptation:
    """Task 0 has one example, task 1 two, and so on; each a seed of its own."""
    examples = [picture(10 * number + i, (64 + 8 * i, 48)) for i in range(number + 1)]
    bank, held_out = (Photos([picture(n + i) for i in range(2)], torch.device("cpu")) for n in (90, 95))
    return Adaptation(networks, objective, examples, bank, held_out, config=SMALL, seed=number)


@pytest.fixture(scope="module")
def singly(objective: Objective) -> list[Adapted]:
    """Tasks 0 to 2, each learned alone."""
    networks = tiny_networks()
    rates = level_rates(phi_shapes(networks), {}, 0.05)
    found = []
    for number in range(3):
        (outcome,) = adapt_batch([task(networks, objective, number)], rates, steps=STEPS)
        assert isinstance(outcome, Adapted)
        found.append(outcome)
    return found


def apart_drawn(networks: Networks, a: Adapted, b: Adapted) -> float:
    """Mean distance of a photo's pictures at all levels.

    Not of phi: what a later normalisation takes out has no gradient, and moves by rounding alone.
    """
    photo = to_tensor([picture(70)]).expand(len(SIDES), -1, -1, -1)
    with torch.no_grad():
        return float((networks(photo, a.phi) - networks(photo, b.phi)).abs().mean())


def test_each_task_ends_where_it_ends_alone(
    networks: Networks, objective: Objective, rates: list[LearningRates], singly: list[Adapted]
) -> None:
    torch.manual_seed(99)  # nothing may depend on torch's own generator
    outcomes = adapt_batch([task(networks, objective, n) for n in range(3)], rates, steps=STEPS)
    for one, outcome in zip(singly, outcomes, strict=True):
        assert isinstance(outcome, Adapted)
        assert outcome.steps == one.steps
        assert outcome.losses == pytest.approx(one.losses, rel=2e-3)
        assert {k: v.shape for k, v in outcome.phi.items()} == {k: v.shape for k, v in one.phi.items()}
        assert apart_drawn(networks, outcome, one) < 0.004
    assert apart_drawn(networks, singly[0], singly[1]) > 0.02, "they are different styles"


def test_a_task_that_is_canceled_leaves_and_changes_nothing_for_the_others(
    networks: Networks, objective: Objective, rates: list[LearningRates], singly: list[Adapted]
) -> None:
    """In the middle of the last level, which has two steps."""
    steps: list[tuple[int, int]] = []
    outcomes = adapt_batch(
        [task(networks, objective, number) for number in range(3)],
        rates,
        steps=STEPS,
        on_step=lambda number, step, *_: steps.append((number, step)),
        should_stop=lambda number: number == 1 and (1, 4) in steps,
    )
    assert [step for number, step in steps if number == 1] == [0, 1, 2, 3, 4]
    assert isinstance(outcomes[1], AdaptationCanceled)
    for number in (0, 2):
        one, outcome = singly[number], outcomes[number]
        assert isinstance(outcome, Adapted)
        assert outcome.losses == pytest.approx(one.losses, rel=2e-3)
        assert apart_drawn(networks, outcome, one) < 0.004


def test_when_all_are_canceled_the_loop_ends(
    networks: Networks, objective: Objective, rates: list[LearningRates]
) -> None:
    steps: list[int] = []
    outcomes = adapt_batch(
        [task(networks, objective, number) for number in range(2)],
        rates,
        on_step=lambda _number, step, *_: steps.append(step),
        should_stop=lambda _number: len(steps) > 2,
    )
    assert [str(outcome) for outcome in outcomes] == ["canceled after 1 steps"] * 2
    assert steps == [0, 0, 1, 1]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load(device="cpu", config=SMALL, renderer="torch")


@pytest.fixture(scope="module")
def styles(engine: Engine) -> list[Style]:
    return [engine.adapt([picture(i)], steps=0) for i in range(3)]


def apart(a: Image.Image, b: Image.Image) -> int:
    assert a.size == b.size
    return int(np.abs(np.asarray(a, dtype=int) - np.asarray(b, dtype=int)).max())


def test_the_engine_adapts_many_as_one(engine: Engine) -> None:
    told: list[int] = []
    requests = [
        Learning([picture(1)], seed=5, on_progress=lambda p: told.append(p.step), preview=picture(7)),
        Learning([picture(2), picture(3)], contents=[picture(4)], seed=6),
        Learning([picture(2)], should_stop=lambda: True),
    ]
    first, second, third = engine.adapt_many(requests, steps=2)
    assert isinstance(third, AdaptationCanceled)
    assert told == [0, 0, 0, 1, 2]  # two previews of the zero-step style, at 64 and 96 pixels; and the steps
    photo = picture(40, (80, 64))
    for request, style in ((requests[0], first), (requests[1], second)):
        assert isinstance(style, Style)
        single = engine.adapt(request.examples, contents=request.contents, seed=request.seed, steps=2)
        assert (style.header.k, style.header.seed) == (len(request.examples), request.seed)
        assert style.header.losses["end"]["total"] == pytest.approx(
            single.header.losses["end"]["total"], rel=0.02
        )
        difference = np.abs(
            np.asarray(engine.stylize(photo, style), dtype=float)
            - np.asarray(engine.stylize(photo, single), dtype=float)
        )
        assert difference.mean() < LEVEL


def test_many_styles_in_one_pass_are_the_pictures_of_one_by_one(
    engine: Engine, styles: list[Style], monkeypatch: pytest.MonkeyPatch
) -> None:
    wide, tall = picture(50, (96, 64)), picture(51, (64, 96))
    mask = Image.new("L", (8, 8))
    mask.paste(255, (0, 0, 4, 8))
    renderings = [
        Rendering(wide, styles[0]),
        Rendering(tall, styles[1], Dials(strength=0.5)),
        Rendering(wide.transpose(Image.Transpose.FLIP_LEFT_RIGHT), styles[2], preserve_color=True),
        Rendering(wide, styles[1], Dials(1.3, 0.8), mask=mask, outside=styles[2], feather=2.0),
        Rendering(wide, styles[1], Dials(abstraction=0), size=48),
        Rendering(wide, styles[1], Dials(strength=0)),
    ]
    passed: list[tuple[int, int]] = []
    forward = engine.base.networks.stylizer.forward

    def counted(photos: torch.Tensor, phi: Phi, normalize: Normalize | None = None) -> torch.Tensor:
        passed.append((len(photos), photos.shape[3]))
        return forward(photos, phi, normalize)

    monkeypatch.setattr(engine.base.networks.stylizer, "forward", counted)
    together = engine.stylize_many(renderings)
    # the wide ones under four styles, drawn twice as one is stronger; the tall one; the small one
    assert passed == [(4, 64), (4, 64), (4, 96), (4, 96), (1, 44), (1, 64), (1, 48)]
    for rendering, result in zip(renderings, together, strict=True):
        single = engine.stylize(
            rendering.photo,
            rendering.style,
            **asdict(rendering.dials),
            size=rendering.size,
            preserve_color=rendering.preserve_color,
            mask=rendering.mask,
            outside=rendering.outside,
            feather=rendering.feather,
        )
        assert apart(result, single) <= LEVEL


def test_photos_of_other_sizes_share_a_pass_when_they_are_drawn_alike(
    engine: Engine, styles: list[Style]
) -> None:
    wanted = [
        Rendering(picture(1, (1024, 512)), styles[0]),
        Rendering(picture(2, (96, 64)), styles[0]),
        Rendering(picture(3, (512, 256)), styles[0], Dials(0.5)),
        Rendering(picture(4, (1024, 512)), styles[0], Dials(stroke_size=2)),
    ]
    assert sorted(map(sorted, engine.batches(wanted, 4))) == [[0, 2], [1], [3]]
    assert [found.size for found in engine.stylize_many(wanted[:2])] == [(1024, 512), (96, 64)]


def test_a_pass_is_bounded_in_number_and_in_pixels() -> None:
    sizes = [(10, 10), (20, 10), (10, 10), (10, 10), (100, 100)]
    areas = [width * height for width, height in sizes]
    assert batches(sizes, areas, 8, 1000) == [[0, 2, 3], [1], [4]]
    assert batches(sizes, areas, 2, 1000) == [[0, 2], [3], [1], [4]]
    assert batches(sizes, areas, 8, 100) == [[0], [2], [3], [1], [4]]
