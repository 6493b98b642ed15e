"""The perceptual network and the distances on its features."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torchvision.models.vgg import cfgs, make_layers

from model.errors import CheckpointFormatError, CheckpointMissingError
from model.image.losses import distances, mobilenet
from model.image.losses.mobilenet import MobileNetV2Features
from model.image.losses.objective import Objective
from model.image.losses.perceptual_network import PerceptualNetwork
from model.image.losses.statistics import (
    MOBILE_LAYERS,
    STYLE_LAYERS,
    USUAL_SCATTER,
    VGG_LAYERS,
    StyleStatistics,
    concatenate,
    pool,
    statistics,
)
from model.image.losses.vgg import DEFAULT_WEIGHTS, VGG16Features
from model.image.media.folders import to_tensor
from tests.model.conftest import picture


@pytest.fixture
def two(objective: Objective) -> StyleStatistics:
    return objective.style_statistics(to_tensor([picture(1), picture(2)]))


def test_features_are_the_layers_after_their_relu(objective: Objective) -> None:
    images = to_tensor([picture(1)])
    found = objective.network.vgg(images, ("relu1_1", "relu4_1"))
    weights = {name: value.float() for name, value in load_file(DEFAULT_WEIGHTS).items()}
    normalised = (images - objective.network.vgg.mean) / objective.network.vgg.std
    by_hand = torch.conv2d(
        normalised, weights["features.0.weight"], weights["features.0.bias"], padding=1
    ).relu()
    # Another memory format sums in another order.
    torch.testing.assert_close(found["relu1_1"], by_hand, rtol=1e-5, atol=1e-4)
    assert found["relu4_1"].shape == (1, 512, 10, 12)


def test_trunk_is_the_one_of_torchvision(objective: Objective) -> None:
    """Same names, same indices, same features: torchvision's ImageNet weights fit."""
    reference = make_layers(cfgs["D"])[:19].eval()
    reference.load_state_dict(objective.network.vgg.features.state_dict())
    images = torch.rand(1, 3, 40, 40)
    expected = reference((images - objective.network.vgg.mean) / objective.network.vgg.std)
    # Another memory format sums in another order.
    torch.testing.assert_close(
        objective.network.vgg(images, ("relu4_1",))["relu4_1"], expected, rtol=1e-3, atol=1e-3
    )


def test_bundled_weights_see_an_edge_where_there_is_one(objective: Objective) -> None:
    """Trained filters answer to an edge more than to a flat picture; random ones would not by much."""
    flat = torch.full((1, 3, 64, 64), 0.5)
    edge = flat.clone()
    edge[..., 32:] = 1.0
    deep = objective.network.vgg(torch.cat([flat, edge]), ("relu3_3",))["relu3_3"][..., 4:12, 6:10]
    assert deep[1].mean() > 2 * deep[0].mean()


def test_missing_or_foreign_weights_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointMissingError, match="convert_vgg16"):
        VGG16Features(tmp_path / "none.safetensors")
    other = tmp_path / "other.safetensors"
    save_file({"features.0.weight": torch.zeros(1)}, other)
    with pytest.raises(CheckpointFormatError, match="VGG16"):
        VGG16Features(other)


def test_second_network_is_a_mobilenet(objective: Objective) -> None:
    """Sizes of layers, and the first two by hand: padded on the right and below where there is a stride."""
    images = to_tensor([picture(1, (96, 64))])
    names = ("mobile.stem", *(f"mobile.block{i}" for i in range(len(mobilenet.BLOCKS))))
    found = objective.network(images, (*names, "relu1_1"))
    assert set(found) == {*names, "relu1_1"}
    assert found["mobile.block2"].shape == (1, 24, 16, 24)
    assert found["mobile.block12"].shape == (1, 96, 4, 6)
    w = {name: value.float() for name, value in load_file(mobilenet.DEFAULT_WEIGHTS).items()}

    def convolve(x: torch.Tensor, name: str, **options: int) -> torch.Tensor:
        return torch.conv2d(x, w[f"{name}.weight"], w[f"{name}.bias"], **options)

    padded = torch.nn.functional.pad(images, (0, 1, 0, 1))
    stem = convolve(padded, "stem", stride=2).clamp(0, 6)
    torch.testing.assert_close(found["mobile.stem"], stem, rtol=1e-3, atol=1e-3)
    first = convolve(convolve(stem, "block0.depthwise", padding=1, groups=32).clamp(0, 6), "block0.project")
    torch.testing.assert_close(found["mobile.block0"], first, rtol=1e-3, atol=1e-3)


def test_only_the_asked_layers_are_computed(objective: Objective) -> None:
    images = to_tensor([picture(1)])
    assert set(objective.network(images, ("mobile.block0",))) == {"mobile.block0"}
    assert set(objective.network(images, ("relu1_2",))) == {"relu1_2"}
    with pytest.raises(KeyError, match="block99"):
        objective.network(images, ("mobile.block99",))


def test_second_network_without_its_weights_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointMissingError, match="convert_mobilenet"):
        MobileNetV2Features(tmp_path / "none.safetensors")
    other = tmp_path / "other.safetensors"
    save_file({"stem.weight": torch.zeros(1)}, other)
    with pytest.raises(CheckpointFormatError, match="MobileNetV2"):
        MobileNetV2Features(other)


def test_second_network_sees_what_the_first_is_blind_to(objective: Objective) -> None:
    """A style that differs in nothing but the second network's features counts as another style."""
    a = objective.style_statistics(to_tensor([picture(1)]))
    b = objective.style_statistics(to_tensor([picture(2)]))
    mixed = StyleStatistics(
        {k: (b if k.startswith("mobile.") else a).mean[k] for k in a.mean},
        {k: (b if k.startswith("mobile.") else a).second[k] for k in a.second},
        a.colors,
    )
    assert float(distances.moment_distance(mixed, a)) == pytest.approx(0, abs=1e-6)
    assert float(distances.mobile_distance(mixed, a)) > 0.1


def test_statistics_by_hand() -> None:
    """Means, second moments and spreads of a two-channel map that can be worked out on paper."""
    feature = torch.tensor([[[[1.0, 3.0]], [[2.0, 2.0]]]])  # (1, 2, 1, 2)
    found = statistics(dict.fromkeys(STYLE_LAYERS, feature), torch.zeros(1, 3, 4, 4))
    layer = STYLE_LAYERS[0]
    torch.testing.assert_close(found.mean[layer], torch.tensor([[2.0, 2.0]]))
    torch.testing.assert_close(found.second[layer], torch.tensor([[[5.0, 4.0], [4.0, 4.0]]]))
    torch.testing.assert_close(found.std(layer), torch.tensor([[1.0, 0.0]]), atol=2e-4, rtol=0)


def test_pooling_equals_one_long_picture(objective: Objective) -> None:
    features = {layer: torch.rand(2, 4, 3, 5) for layer in STYLE_LAYERS}
    joined = {layer: torch.cat([f[:1], f[1:]], dim=3) for layer, f in features.items()}
    images = torch.rand(2, 3, 16, 16)
    pooled = pool(statistics(features, images))
    long = statistics(joined, images[:1])
    for layer in STYLE_LAYERS:
        torch.testing.assert_close(pooled.covariance(layer), long.covariance(layer))


def of_gram(*matrices: list[list[float]]) -> StyleStatistics:
    """Works with these Gram matrices in every layer, (K, 2, 2)."""
    second = torch.tensor(matrices)
    mean = torch.zeros(len(matrices), 2)
    return StyleStatistics(
        dict.fromkeys(STYLE_LAYERS, mean),
        dict.fromkeys(STYLE_LAYERS, second),
        torch.zeros(len(matrices), 4, 3),
    )


def test_works_that_differ_make_their_gram_matrices_count_less() -> None:
    """By hand: |mean|^2 = 8, the works' variance (1 + 1) / (2 - 1) = 2, the render 1 away in one entry."""
    works = of_gram([[3.0, 0.0], [0.0, 2.0]], [[1.0, 0.0], [0.0, 2.0]])
    style, render = pool(works), of_gram([[2.0, 0.0], [0.0, 3.0]])
    assert set(style.scatter) == set(STYLE_LAYERS)
    assert float(style.scatter[STYLE_LAYERS[0]]) == pytest.approx(2.0)
    expected = 1 / (8 + distances.SCATTER * 2.0)
    assert float(distances.gram_distance(render, style)) == pytest.approx(expected)


def test_one_work_is_taken_to_differ_from_the_next_as_works_usually_do() -> None:
    """One work tells no variance: a share of its size, |G|^2 = 13, is assumed in each layer."""
    work = of_gram([[3.0, 0.0], [0.0, 2.0]])
    alone = pool(work)
    assert set(alone.scatter) == set(STYLE_LAYERS)
    for layer in STYLE_LAYERS:
        assert float(alone.scatter[layer]) == pytest.approx(13 * USUAL_SCATTER[layer])
    render, layer = of_gram([[2.0, 0.0], [0.0, 3.0]]), "relu1_2"
    expected = 2 / (13 * (1 + distances.SCATTER * 0.48))
    assert float(distances.gram_distance(render, alone, (layer,))) == pytest.approx(expected)
    assert float(distances.gram_distance(render, work, (layer,))) == pytest.approx(2 / 13)  # not pooled


def test_scatter_goes_where_its_style_goes() -> None:
    """Beside single works, which have none, it is 0; an index picks it with the rest."""
    works = of_gram([[3.0, 0.0], [0.0, 2.0]], [[1.0, 0.0], [0.0, 2.0]])
    layer = STYLE_LAYERS[0]
    both = concatenate([works, pool(works)])
    torch.testing.assert_close(both.scatter[layer], torch.tensor([0.0, 0.0, 2.0]))
    torch.testing.assert_close(both[[2, 0]].scatter[layer], torch.tensor([2.0, 0.0]))
    assert concatenate([works, works]).scatter == {}


@pytest.mark.parametrize(
    "distance",
    [
        distances.moment_distance,
        distances.covariance_distance,
        distances.mobile_distance,
        distances.both_gram_distance,
        distances.color_distance,
    ],
)
def test_style_distances_are_zero_to_oneself_and_grow_with_the_mixture(
    distance, two: StyleStatistics
) -> None:
    """A style is at distance 0 from itself, and moving toward another one moves away monotonically."""
    a, b = two[[0]], two[[1]]

    def mixed(t: float) -> StyleStatistics:
        return StyleStatistics(
            {k: torch.lerp(a.mean[k], b.mean[k], t) for k in a.mean},
            {k: torch.lerp(a.second[k], b.second[k], t) for k in a.second},
            a.colors + 0.3 * t,
        )

    values = []
    for t in (0.0, 0.25, 0.5, 1.0):
        torch.manual_seed(0)
        values.append(float(distance(mixed(t), a)))
    assert values[0] == pytest.approx(0, abs=1e-6)
    assert values[0] < values[1] < values[2] < values[3]


def test_flat_style_keeps_the_covariance_distance_bounded(objective: Objective) -> None:
    """A blank page has no covariance to be relative to; the distance must not explode."""
    blank = objective.style_statistics(torch.full((1, 3, 64, 64), 1.0))
    busy = objective.style_statistics(torch.rand(1, 3, 64, 64))
    assert float(distances.covariance_distance(busy, blank)) < 20


def test_sliced_wasserstein_of_a_shift_is_its_square() -> None:
    points = torch.rand(1, 50, 3)
    shift = torch.tensor([0.3, 0.0, 0.0])
    axis = torch.tensor([[1.0], [0.0], [0.0]])
    assert float(distances.sliced_wasserstein(points, points + shift, axis)) == pytest.approx(0.09, rel=1e-4)


def test_losses_have_the_gradient_of_their_value(objective: Objective) -> None:
    """Central differences of the total along a random direction of the picture, in float64."""
    precise = Objective(PerceptualNetwork().double(), amp=False)
    torch.manual_seed(1)
    image = torch.rand(1, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        features = precise.network(torch.rand(1, 3, 32, 32, dtype=torch.float64), STYLE_LAYERS)
    style = StyleStatistics(
        {k: features[k].mean((2, 3)) for k in STYLE_LAYERS},
        {
            k: torch.einsum("bihw,bjhw->bij", features[k], features[k]) / features[k][0, 0].numel()
            for k in STYLE_LAYERS
        },
        torch.rand(1, 64, 3, dtype=torch.float64),
    )

    def value(x: torch.Tensor) -> torch.Tensor:
        own = precise.network(x, STYLE_LAYERS)
        flat = {k: own[k].flatten(2) for k in STYLE_LAYERS}
        found = StyleStatistics(
            {k: f.mean(2) for k, f in flat.items()},
            {k: f @ f.transpose(1, 2) / f.shape[2] for k, f in flat.items()},
            x.flatten(2).transpose(1, 2)[:, :64],
        )
        # The small norm of the render in the denominator is a constant by definition: leave it out.
        terms = (distances.moment_distance(found, style, layers) for layers in (VGG_LAYERS, MOBILE_LAYERS))
        return torch.stack(list(terms)).sum()

    point = image.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(value(point), point)
    direction = torch.randn_like(image)
    eps = 1e-6
    with torch.no_grad():
        numeric = (value(image + eps * direction) - value(image - eps * direction)) / (2 * eps)
    assert float((gradient * direction).sum()) == pytest.approx(float(numeric), rel=1e-4)


def test_concatenate_then_index_gives_the_parts_back(two: StyleStatistics) -> None:
    joined = concatenate([two[[1]], two])
    torch.testing.assert_close(joined[[0]].colors, two[[1]].colors)
    assert len(joined) == 3


def test_half_precision_leaves_the_second_network_as_it_is() -> None:
    """MobileNetV2 in bf16 would be off by a tenth in its Gram matrices; it computes in float32 there too."""
    network = PerceptualNetwork()
    work = to_tensor([picture(3)])
    exact = Objective(network, amp=False).style_statistics(work)
    fast = Objective(network, amp=True).style_statistics(work)
    for layer in MOBILE_LAYERS:
        torch.testing.assert_close(fast.second[layer], exact.second[layer], rtol=1e-3, atol=1e-5)
        torch.testing.assert_close(fast.covariance(layer), exact.covariance(layer), rtol=1e-3, atol=1e-4)
