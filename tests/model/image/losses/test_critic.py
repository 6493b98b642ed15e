"""The critic: hinge losses against numbers by hand, bounded weights, and two players that stay apart."""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor

from model.image.losses.critic import (
    HEAD,
    Critic,
    CriticConfig,
    critic_hinge,
    critic_inputs,
    generator_hinge,
    hinge_losses,
    window,
)
from model.image.losses.critic.network import INPUTS
from model.image.losses.objective import Objective
from model.maml import Adam, Granularity, LearningRates, Order, inner_loop

CONFIG = CriticConfig(width=12, embedding=16)


@pytest.fixture
def critic() -> Critic:
    torch.manual_seed(0)
    return Critic(CONFIG)


def texture(kind: str, count: int, seed: int) -> Tensor:
    """(B, 3, 48, 48): "fine" stripes of random phase, or "coarse" ones; the same two colours."""
    generator = torch.Generator().manual_seed(seed)
    period = {"fine": 4, "coarse": 16}[kind]
    shifts = torch.randint(0, period, (count,), generator=generator)
    columns = torch.arange(48)
    stripes = ((columns[None] + shifts[:, None]) % period < period // 2).float()
    noise = 0.1 * torch.rand(count, 3, 48, 48, generator=generator)
    return (0.2 + 0.5 * stripes[:, None, None, :] + noise).expand(count, 3, 48, 48)


def inputs_of(objective: Objective, images: Tensor) -> Tensor:
    return critic_inputs(objective.observe(images)[1])


def test_hinge_losses_and_gradients_are_those_worked_out_by_hand() -> None:
    real = torch.tensor([[[0.5, 2.0], [-1.0, 1.0]]], requires_grad=True)  # B = 1, 2 x 2 patches
    fake = torch.tensor([[[-2.0, 0.0], [0.5, -0.5]]], requires_grad=True)
    loss = critic_hinge(real, fake)
    # real: 1 - x where positive: 0.5, 0, 2, 0; fake: 1 + x where positive: 0, 1, 1.5, 0.5
    assert loss.tolist() == [pytest.approx(2.5 / 4 + 3.0 / 4)]
    loss.sum().backward()
    assert real.grad is not None
    assert fake.grad is not None
    assert real.grad[0, 0].tolist() == [-0.25, 0]
    assert float(real.grad[0, 1, 0]) == -0.25
    assert fake.grad.flatten().tolist() == [0, 0.25, 0.25, 0.25]
    rendered = fake.detach().requires_grad_()
    generator_hinge(rendered).sum().backward()
    assert rendered.grad is not None
    assert rendered.grad.flatten().tolist() == [-0.25] * 4


def test_spectral_norms_stay_at_one_whatever_the_weights_become(critic: Critic) -> None:
    with torch.no_grad():
        for name, value in critic.named_parameters():
            if name.endswith("original"):
                value.mul_(50).add_(torch.randn_like(value))
    for _ in range(30):  # power iterations
        weights = critic.weights()
    for weight, _ in weights:
        assert float(torch.linalg.matrix_norm(weight.detach().flatten(1), 2)) == pytest.approx(1, abs=0.02)


def test_per_style_head_cannot_grow_by_scale(critic: Critic) -> None:
    x = torch.randn(1, INPUTS, 6, 6)
    weights = critic.eval().weights()
    heads = [{HEAD[0]: scale * torch.ones(1, 12), HEAD[1]: torch.zeros(1, 1)} for scale in (10.0, 1000.0)]
    first, second = (critic.scores(x, head, weights) for head in heads)
    assert torch.allclose(first, second, rtol=1e-4)


def test_tells_two_textures_apart_after_a_few_steps(critic: Critic, objective: Objective) -> None:
    real, fake = (inputs_of(objective, texture(kind, 4, 0)) for kind in ("fine", "coarse"))
    critic.calibrate(objective.style_statistics(torch.cat([texture(k, 4, 9) for k in ("fine", "coarse")])))
    optimizer = torch.optim.Adam(critic.parameters(), lr=3e-3, betas=(0.0, 0.9))
    embedding = torch.zeros(4, CONFIG.embedding)
    before = hinge_losses(critic, critic.head(embedding), fake, real).critic.mean().detach()
    for _ in range(25):
        optimizer.zero_grad()
        hinge_losses(critic, critic.head(embedding), fake, real).critic.mean().backward()
        optimizer.step()
    unseen = {kind: inputs_of(objective, texture(kind, 4, 1)) for kind in ("fine", "coarse")}
    with torch.no_grad():
        head, weights = critic.head(embedding), critic.eval().weights()
        scores = {kind: critic.scores(x, head, weights) for kind, x in unseen.items()}
        after = hinge_losses(critic, head, unseen["coarse"], unseen["fine"]).critic.mean()
    assert float(scores["fine"].min()) > float(scores["coarse"].max())
    assert float(after) < 0.5 * float(before)


def test_per_style_heads_adapt_each_to_its_own_style(critic: Critic, objective: Objective) -> None:
    """Style 0 has fine works and coarse renders, style 1 the reverse: one shared score cannot serve both."""
    fine, coarse = (inputs_of(objective, texture(kind, 1, 0)) for kind in ("fine", "coarse"))
    critic.calibrate(objective.style_statistics(torch.cat([texture(k, 4, 9) for k in ("fine", "coarse")])))
    critic.eval().requires_grad_(False)
    real, fake = torch.cat([fine, coarse]), torch.cat([coarse, fine])
    rates = LearningRates(critic.shapes(), 0.1)
    result = inner_loop(
        lambda head, _: hinge_losses(critic, head, fake, real).total(0.1),
        critic.head(torch.zeros(2, CONFIG.embedding)),
        None,
        Adam(rates),
        15,
    )
    assert bool((result.support_losses[-1] < 0.8 * result.support_losses[0]).all())
    first, second = result.params[HEAD[0]]
    assert float(torch.cosine_similarity(first, second, dim=0)) < 0


def test_no_player_moves_what_is_the_others(critic: Critic) -> None:
    fake, real = torch.randn(2, INPUTS, 5, 5, requires_grad=True), torch.randn(2, INPUTS, 5, 5)
    embedding = torch.randn(2, CONFIG.embedding, requires_grad=True)
    outcome = hinge_losses(critic, critic.head(embedding), fake, real)
    outcome.generator.sum().backward(retain_graph=True)
    assert fake.grad is not None
    assert all(p.grad is None for p in critic.parameters())
    moved = fake.grad.clone()
    outcome.critic.sum().backward()
    assert torch.equal(fake.grad, moved)
    # biases: a patch of each kind inside the margin pulls by as much either way
    assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in critic.parameters() if p.ndim > 1)
    assert embedding.grad is None  # nor does the critic train the style encoder


def test_second_order_gradients_are_finite_and_reach_the_critic(critic: Critic) -> None:
    fake, real = torch.randn(2, INPUTS, 5, 5), torch.randn(2, INPUTS, 5, 5)
    phi = torch.zeros(2, 1, requires_grad=True)

    def loss(params: dict[str, Tensor], _: object) -> Tensor:
        return hinge_losses(critic, params, fake * (1 + params["phi"])[:, :, None, None], real).total(1.0)

    learned = {"phi": torch.Size((1,)), **critic.shapes()}
    rates = LearningRates(learned, 0.05, granularity=Granularity.TENSOR_STEP, steps=2, learned=True)
    start = {"phi": phi, **critic.head(torch.zeros(2, CONFIG.embedding))}  # a head of zeros: the worst case
    result = inner_loop(loss, start, None, Adam(rates), 2, order=Order.SECOND)  # type: ignore[arg-type]
    loss(dict(result.params), None).sum().backward()
    (log_rates,) = rates.parameters()
    for value in (phi, log_rates, *critic.parameters()):
        assert value.grad is not None
        assert bool(torch.isfinite(value.grad).all())
    assert bool((log_rates.grad.abs() > 0).any())  # type: ignore[union-attr]


def test_critic_is_small() -> None:
    assert sum(p.numel() for p in Critic().parameters()) < 500_000


def test_window_is_a_part_of_what_it_is_cut_from() -> None:
    inputs = torch.arange(2 * 5 * 7.0).view(1, 2, 5, 7)
    part = window(inputs, 3, 4, random.Random(3))
    assert part.shape == (1, 2, 3, 4)
    assert any(torch.equal(part, inputs[:, :, y : y + 3, x : x + 4]) for y in range(3) for x in range(4))
    assert window(inputs, 9, 9, random.Random(0)).shape == inputs.shape
