"""The network: shapes, independence of the samples, and what phi does."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from model.image.losses.objective import Objective
from model.image.media.folders import to_tensor
from model.image.network import style_params
from model.image.network.networks import Networks
from model.image.network.style_encoder import EncoderConfig, describe
from model.image.network.stylizer import StylizerConfig
from model.image.pyramid import SIDES
from tests.model.conftest import picture


@pytest.fixture
def styles(networks: Networks, objective: Objective) -> dict[str, torch.Tensor]:
    """phi of three styles, from the encoder with a livelier last layer than at its start."""
    head = networks.encoder.heads[2]
    assert isinstance(head, torch.nn.Sequential)
    last = head[-1]
    assert isinstance(last, torch.nn.Linear)
    torch.nn.init.normal_(last.weight, std=0.3)
    works = objective.style_statistics(to_tensor([picture(i) for i in range(3)]))
    with torch.no_grad():
        return networks.encoder.decode(networks.encoder.embed_descriptions(describe(works), 2), 2)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (33, 50), (47, 18)])
def test_any_size_comes_back_as_it_was(networks: Networks, styles, height: int, width: int) -> None:
    with torch.no_grad():
        rendered = networks(torch.rand(3, 3, height, width), styles)
    assert rendered.shape == (3, 3, height, width)
    assert float(rendered.min()) >= 0
    assert float(rendered.max()) <= 1


def test_many_styles_in_one_pass_equal_one_by_one(networks: Networks, styles) -> None:
    photos = torch.rand(3, 3, 32, 48)
    with torch.no_grad():
        together = networks(photos, styles)
        alone = torch.cat([networks(photos[i : i + 1], style_params.select(styles, [i])) for i in range(3)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_another_phi_gives_another_picture(networks: Networks, styles) -> None:
    photo = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        a, b = (networks(photo, style_params.select(styles, [i])) for i in (0, 1))
    assert float((a - b).abs().mean()) > 0.01


def test_every_tensor_of_phi_takes_part(networks: Networks, styles) -> None:
    leaves = {name: value.detach().clone().requires_grad_() for name, value in styles.items()}
    networks(torch.rand(3, 3, 32, 32), leaves).square().sum().backward()
    silent = [name for name, value in leaves.items() if float(value.grad.abs().sum()) == 0]
    assert silent == []


def test_encoder_does_not_care_about_the_order_of_the_examples(
    networks: Networks, objective: Objective
) -> None:
    works = objective.style_statistics(to_tensor([picture(i) for i in range(4)]))
    with torch.no_grad():
        seen = describe(works)
        a, b = (networks.encoder([each] * len(SIDES)) for each in (seen, seen[[2, 0, 3, 1]]))
    assert all(len(value) == len(SIDES) for value in a.values())
    for name in a:
        torch.testing.assert_close(a[name], b[name], atol=1e-5, rtol=1e-5)


def test_a_blend_is_the_weighted_mean(styles) -> None:
    a, b = style_params.select(styles, [0]), style_params.select(styles, [1])
    for name in a:
        torch.testing.assert_close(style_params.blend([a, b], [2, 0])[name], a[name])
        wanted = torch.lerp(a[name], b[name], 0.25)
        torch.testing.assert_close(style_params.blend([a, b], [3, 1])[name], wanted, atol=1e-6, rtol=1e-5)


def test_every_level_has_a_head_and_directions_of_its_own(networks: Networks) -> None:
    embedding = torch.randn(1, 16)
    with torch.no_grad():
        levels = [networks.encoder.decode(embedding, level) for level in range(len(SIDES))]
    style = style_params.stack(levels)
    for name in ("down1.gamma", "block0.down", "color"):
        assert not torch.equal(levels[0][name], levels[1][name])
        torch.testing.assert_close(style_params.at_level(style, 3)[name], levels[3][name])


def test_expand_and_stack_are_inverse_to_select(styles) -> None:
    one = style_params.select(styles, [1])
    again = style_params.select(style_params.stack([one, style_params.expand(one, 2)]), [2])
    torch.testing.assert_close(again["color"], one["color"])


def test_last_convolution_is_a_kernel_for_each_sample() -> None:
    torch.manual_seed(0)
    shape = StylizerConfig(half=8, width=16, blocks=1, rank=2, up_half=8, up_full=8)
    plain, own = (
        Networks(replace(shape, last_convolution=last), EncoderConfig(embedding=16, hidden=16)).eval()
        for last in (False, True)
    )
    own.load_state_dict(plain.state_dict())  # no weights of its own: any checkpoint can be given it
    photos = torch.rand(2, 3, 32, 32)
    embedding = torch.randn(2, 16)
    with torch.no_grad():
        phi = own.encoder.decode(embedding, 3)
        torch.testing.assert_close(own(photos, phi), plain(photos, plain.encoder.decode(embedding, 3)))
        phi["out.delta"][1] += 0.3 * torch.randn_like(phi["out.delta"][1])
        changed = own(photos, phi)
        alone = own(photos[1:], {name: value[1:] for name, value in phi.items()})
        kernel = plain.stylizer.out.weight
        kernel += phi["out.delta"][1]
        torch.testing.assert_close(changed[1:], plain(photos[1:], {k: v[1:] for k, v in phi.items()}))
    torch.testing.assert_close(changed[1:], alone)
