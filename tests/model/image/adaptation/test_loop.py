"""The inner loop on pictures, level by level, with the tiny stylizer."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from model.errors import AdaptationCanceled
from model.image.adaptation.config import AdaptConfig
from model.image.adaptation.inner_learning_rates import ScheduledRates, level_rates, stored_rates
from model.image.adaptation.level_renders import RenderLoss
from model.image.adaptation.loop import Adapted, adapt_batch
from model.image.adaptation.support import Adaptation, Photos
from model.image.checkpoint import phi_shapes
from model.image.losses.objective import Objective
from model.image.network.networks import Networks
from model.image.network.style_params import at_level, stack
from model.image.pyramid import REVISED_FROM, SIDES
from model.maml import LearningRates
from tests.model.conftest import SMALL, picture, tiny_networks

DEVICE = torch.device("cpu")


def adaptation(
    networks: Networks, objective: Objective, *, works: int = 2, seed: int = 4, config: AdaptConfig = SMALL
) -> Adaptation:
    examples = [picture(i, (72 + 8 * i, 64)) for i in range(1, works + 1)]
    bank, held_out = (Photos([picture(n + i) for i in range(2)], DEVICE) for n in (20, 30))
    return Adaptation(networks, objective, examples, bank, held_out, config=config, seed=seed)


@pytest.fixture
def job(networks: Networks, objective: Objective) -> Adaptation:
    return adaptation(networks, objective)


def usual_rates(networks: Networks) -> list[LearningRates]:
    return level_rates(phi_shapes(networks), {}, 0.05)


@pytest.fixture
def rates(networks: Networks) -> list[LearningRates]:
    return usual_rates(networks)


def run(job: Adaptation, rates: list[LearningRates], steps: int | None = None) -> Adapted:
    (outcome,) = adapt_batch([job], rates, steps=steps)
    assert isinstance(outcome, Adapted)
    return outcome


def start_of(job: Adaptation) -> dict[str, Tensor]:
    return stack([job.start(level) for level in range(len(SIDES))])


@dataclass(frozen=True)
class Learned:
    """A run of all steps, that several tests look at."""

    networks: Networks
    networks_before: dict[str, Tensor]
    adapted: Adapted
    totals: list[float]  # as they were told, step by step


@pytest.fixture(scope="module")
def learned(objective: Objective) -> Learned:
    networks = tiny_networks()
    before = {name: value.clone() for name, value in networks.state_dict().items()}
    totals: list[float] = []
    (outcome,) = adapt_batch(
        [adaptation(networks, objective)],
        usual_rates(networks),
        on_step=lambda _i, _step, _phi, total: totals.append(total),
    )
    assert isinstance(outcome, Adapted)
    return Learned(networks, before, outcome, totals)


def test_a_few_steps_lower_the_loss_on_photos_they_never_drew(learned: Learned) -> None:
    adapted = learned.adapted
    assert adapted.steps > 0
    assert max(adapted.losses) <= 1
    assert min(adapted.losses) < 1
    assert adapted.total < 0.98


def test_losses_are_those_of_the_phi_that_comes_back(learned: Learned, objective: Objective) -> None:
    """Judged again from outside, on what each level draws on after the outcome's own coarser levels."""
    networks, adapted = learned.networks, learned.adapted
    again = adaptation(networks, objective)
    start = start_of(again)
    for level in range(len(SIDES)):
        again.begin_level(level, at_level(adapted.phi, level - 1) if level else None)
        judges, loss = again.judges(), RenderLoss(networks, objective, level)
        with torch.no_grad():
            reached, begun = (float(loss(at_level(phi, level), judges)) for phi in (adapted.phi, start))
        assert reached / begun == pytest.approx(adapted.losses[level], rel=1e-3)


def test_the_start_is_kept_where_steps_go_wrong(job: Adaptation, networks: Networks) -> None:
    """Rates far too large: every step is worse at every level."""
    start = start_of(job)
    adapted = run(job, level_rates(phi_shapes(networks), {}, 50.0))
    assert adapted.steps == 0
    colored = REVISED_FROM - 1  # whose colours are set to the examples' in the end
    assert adapted.losses == (1.0,) * colored + (pytest.approx(adapted.losses[colored]), 1.0)
    assert adapted.losses[colored] < 1
    assert not torch.equal(adapted.phi["color"][colored], start["color"][colored])
    for name in start:
        kept = [level for level in range(len(SIDES)) if name != "color" or level != colored]
        torch.testing.assert_close(adapted.phi[name][kept], start[name][kept])


def test_zero_steps_give_the_start_and_draw_nothing(
    job: Adaptation, rates: list[LearningRates], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "begin_level", lambda *_: pytest.fail("a level was begun"))
    adapted = run(job, rates, steps=0)
    torch.testing.assert_close(adapted.phi, start_of(job))
    assert (adapted.steps, adapted.total) == (0, 1.0)


@pytest.mark.parametrize(
    ("total", "split"),
    [
        (0, [0, 0, 0, 0]),
        (1, [0, 0, 0, 1]),
        (2, [0, 0, 1, 1]),
        (3, [0, 1, 1, 1]),
        (4, [1, 1, 1, 1]),
        (5, [1, 1, 1, 2]),
        (24, [6, 6, 6, 6]),
    ],
)
def test_steps_are_shared_out_fine_levels_first(total: int, split: list[int]) -> None:
    assert AdaptConfig().level_steps(total) == split


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_levels_without_a_step_keep_their_start(
    job: Adaptation, rates: list[LearningRates], steps: int
) -> None:
    start = start_of(job)
    told: list[int] = []
    (outcome,) = adapt_batch([job], rates, steps=steps, on_step=lambda _i, step, *_: told.append(step))
    assert isinstance(outcome, Adapted)
    assert told == list(range(steps + 1))
    for level, count in enumerate(SMALL.level_steps(steps)):
        same = all(torch.equal(v[level], start[name][level]) for name, v in outcome.phi.items())
        assert same or count > 0
        assert count > 0 or outcome.losses[level] == 1.0
    assert outcome.total < 1


@pytest.mark.parametrize("works", [1, 16])
def test_one_example_and_sixteen(
    networks: Networks, objective: Objective, rates: list[LearningRates], works: int
) -> None:
    adapted = run(adaptation(networks, objective, works=works), rates, steps=4)
    assert adapted.total < 1
    assert all(bool(torch.isfinite(value).all()) for value in adapted.phi.values())


def test_same_seed_same_style(networks: Networks, objective: Objective, rates: list[LearningRates]) -> None:
    def once(seed: int, torchs: int) -> dict[str, Tensor]:
        torch.manual_seed(torchs)  # nothing may depend on torch's own generator
        return run(adaptation(networks, objective, seed=seed), rates, steps=4).phi

    first = once(1, 0)
    torch.testing.assert_close(once(1, 7), first, rtol=0, atol=0)
    assert any(not torch.equal(value, first[name]) for name, value in once(2, 0).items())


def test_networks_stay_as_they_are(learned: Learned) -> None:
    torch.testing.assert_close(dict(learned.networks.state_dict()), learned.networks_before, rtol=0, atol=0)


def test_stops_in_the_middle_of_a_level_when_asked(
    networks: Networks, objective: Objective, rates: list[LearningRates]
) -> None:
    job = adaptation(networks, objective)
    seen: list[int] = []
    (outcome,) = adapt_batch(
        [job],
        rates,
        steps=12,
        on_step=lambda _i, step, *_: seen.append(step),
        should_stop=lambda _i: len(seen) == 6,  # the second of three steps of the second level
    )
    assert isinstance(outcome, AdaptationCanceled)
    assert "after 5 steps" in str(outcome)
    assert seen == [0, 1, 2, 3, 4, 5]


def test_reported_totals_begin_at_one_and_never_rise(learned: Learned) -> None:
    totals = learned.totals
    assert len(totals) == SMALL.steps + 1
    assert totals[0] == 1.0
    assert totals == sorted(totals, reverse=True)
    assert totals[-1] < 1


def test_fine_levels_draw_on_what_the_coarse_ones_left(networks: Networks, objective: Objective) -> None:
    """Another phi below, another input; and the same examples for both."""
    inputs = []
    for change in (0.0, 1.0):
        job = adaptation(networks, objective)
        phi = job.start(0)
        job.begin_level(0, None)
        job.begin_level(1, phi | {"color": phi["color"] + change})
        inputs.append(job.judges().inputs)
    assert float((inputs[0] - inputs[1]).abs().mean()) > 0.02


def test_rates_fall_over_the_last_part_only(networks: Networks) -> None:
    shapes = phi_shapes(networks)
    learned = {name: torch.tensor([0.04, 0.02]) for name in shapes}
    rates = ScheduledRates(stored_rates(shapes, learned), 10, 0.5, 0.5)
    values = [float(rates("color", step).detach()) for step in range(11)]
    assert values[:6] == pytest.approx([0.02, 0.01, 0.01, 0.01, 0.01, 0.01])
    assert values[8] == pytest.approx(0.01 * (1 - 0.9 * 0.6))
    assert values[10] == pytest.approx(0.001)
