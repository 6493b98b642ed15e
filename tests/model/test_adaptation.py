"""The inner loop on pictures, with the tiny stylizer."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from model.adaptation import Adaptation, AdaptConfig, fit
from model.adaptation_loop import Judgement
from model.checkpoint import phi_shapes
from model.errors import AdaptationCanceled
from model.inner_rates import ScheduledRates, stored_rates
from model.maml import LearningRates
from model.networks import Networks, Objective
from tests.model.conftest import picture

CONFIG = AdaptConfig(steps=4, photos=2, size=32, bank=3, held_out=1, example_side=32)


@pytest.fixture
def job(networks: Networks, objective: Objective) -> Adaptation:
    photos = [picture(20 + i) for i in range(3)]
    return Adaptation(networks, objective, [picture(1), picture(2)], photos, config=CONFIG, seed=4)


@pytest.fixture
def rates(networks: Networks) -> LearningRates:
    return stored_rates(phi_shapes(networks), {}, 0.05)


def test_a_few_steps_lower_the_loss_on_photos_they_never_rendered(
    job: Adaptation, rates: LearningRates
) -> None:
    adapted = job.run(rates)
    assert adapted.step > 0
    assert adapted.end.total < 0.98 * adapted.start.total


def test_best_phi_is_kept_when_steps_go_wrong(job: Adaptation, networks: Networks) -> None:
    """Rates far too large: every step is worse, so the start is what comes back."""
    start = job.start()
    adapted = job.run(stored_rates(phi_shapes(networks), {}, 50.0))
    assert adapted.step == 0
    assert adapted.end == adapted.start
    torch.testing.assert_close(adapted.phi["color"], start["color"])


def test_zero_steps_give_the_start(job: Adaptation, rates: LearningRates) -> None:
    adapted = job.run(rates, steps=0)
    torch.testing.assert_close(adapted.phi, job.start())


def test_another_start_can_be_given(job: Adaptation, rates: LearningRates) -> None:
    start = {name: value + 0.5 for name, value in job.start().items()}
    torch.testing.assert_close(job.run(rates, steps=0, start=start).phi, start)


def test_same_seed_same_style(networks: Networks, objective: Objective, rates: LearningRates) -> None:
    def once(seed: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(seed)
        photos = [picture(20 + i) for i in range(3)]
        job = Adaptation(networks, objective, [picture(1), picture(2)], photos, config=CONFIG, seed=seed)
        return job.run(rates).phi

    torch.testing.assert_close(once(1), once(1), rtol=0, atol=0)
    assert not torch.equal(once(1)["color"], once(2)["color"])


def test_networks_stay_as_they_are(job: Adaptation, networks: Networks, rates: LearningRates) -> None:
    before = {name: value.clone() for name, value in networks.state_dict().items()}
    job.run(rates)
    torch.testing.assert_close(dict(networks.state_dict()), before, rtol=0, atol=0)


def test_stops_between_steps_when_asked(job: Adaptation, rates: LearningRates) -> None:
    seen: list[int] = []
    with pytest.raises(AdaptationCanceled, match="after 2 steps"):
        job.run(rates, on_step=lambda step, *_: seen.append(step), should_stop=lambda: len(seen) == 3)
    assert seen == [0, 1, 2]


def test_steps_between_judgements_repeat_the_last_one(
    networks: Networks, objective: Objective, rates: LearningRates
) -> None:
    """Judging seldom changes no step, only which of them may be the best."""

    def run(every: int) -> tuple[list[float], dict[str, torch.Tensor], int]:
        config = replace(CONFIG, steps=5, judge_every=every)
        photos = [picture(20 + i) for i in range(3)]
        job = Adaptation(networks, objective, [picture(1), picture(2)], photos, config=config, seed=4)
        totals: list[float] = []
        last: dict[str, torch.Tensor] = {}

        def note(_step: int, phi: dict[str, torch.Tensor], judged: Judgement) -> None:
            totals.append(judged.total)
            last.update(phi)

        return totals, last, job.run(rates, on_step=note).step

    each, phi, _ = run(1)
    seldom, same_phi, best = run(2)
    torch.testing.assert_close(same_phi, phi, rtol=0, atol=0)
    assert len(set(each)) == 6
    # steps 0, 2, 4 and the last are judged
    assert seldom == [each[0], each[0], each[2], each[2], each[4], each[5]]
    assert best in (0, 2, 4, 5)


def test_rates_fall_over_the_last_part_only(networks: Networks) -> None:
    shapes = phi_shapes(networks)
    learned = {name: torch.tensor([0.04, 0.02]) for name in shapes}
    rates = ScheduledRates(stored_rates(shapes, learned), 10, 0.5, 0.5)
    values = [float(rates("color", step).detach()) for step in range(11)]
    assert values[:6] == pytest.approx([0.02, 0.01, 0.01, 0.01, 0.01, 0.01])
    assert values[8] == pytest.approx(0.01 * (1 - 0.9 * 0.6))
    assert values[10] == pytest.approx(0.001)


@pytest.mark.parametrize(
    ("size", "expected"), [((400, 200), (64, 32)), ((50, 1000), (32, 96)), ((20, 20), (32, 32))]
)
def test_fit_keeps_the_aspect_up_to_three_to_one(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert fit(picture(0, size), 32).size == expected
