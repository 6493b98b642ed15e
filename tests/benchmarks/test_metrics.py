"""Distances: hand-computed values, zeros at identity, what they are blind to and what not."""

import math

import pytest
import torch

from benchmarks import metrics


def test_gram_of_a_tiny_tensor_by_hand() -> None:
    # two channels over two positions: F = [[1, 2], [3, 4]], F F^T / 2
    activations = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])
    expected = torch.tensor([[[2.5, 5.5], [5.5, 12.5]]])
    torch.testing.assert_close(metrics.gram(activations), expected)


def test_gram_does_not_depend_on_the_size_of_a_repeated_picture() -> None:
    activations = torch.randn(2, 5, 4, 6)
    torch.testing.assert_close(metrics.gram(activations.repeat(1, 1, 3, 2)), metrics.gram(activations))


def test_gram_distance_by_hand() -> None:
    # layer a: ||0 - 2 I||^2 / ||2 I||^2 = 1; layer b: (3 - 1)^2 / 1^2 = 4; mean 2.5
    target = {"a": 2 * torch.eye(2), "b": torch.ones(1, 1)}
    picture = {"a": torch.zeros(1, 2, 2), "b": torch.full((1, 1, 1), 3.0)}
    assert metrics.relative_gram_distance(picture, target).tolist() == [2.5]


def test_gram_distance_is_zero_at_the_target_and_free_of_scale() -> None:
    pictures = {"a": metrics.gram(torch.randn(3, 4, 8, 8)), "b": metrics.gram(torch.randn(3, 6, 4, 4))}
    target = {layer: matrices[1] for layer, matrices in pictures.items()}
    distances = metrics.relative_gram_distance(pictures, target)
    assert distances[1] == 0
    assert (distances[[0, 2]] > 0).all()
    scaled = metrics.relative_gram_distance(
        {layer: 7 * m for layer, m in pictures.items()}, {layer: 7 * m for layer, m in target.items()}
    )
    torch.testing.assert_close(scaled, distances)


def test_mean_statistic_averages_pictures_not_layers() -> None:
    statistics = {"a": torch.tensor([[[1.0]], [[3.0]]]), "b": torch.tensor([[[10.0]], [[30.0]]])}
    mean = metrics.mean_statistic(statistics)
    assert (mean["a"].item(), mean["b"].item()) == (2.0, 20.0)


def test_content_distance_is_relative_to_the_photo() -> None:
    photos = torch.randn(2, 3, 4, 4)
    assert metrics.relative_content_distance(photos, photos).tolist() == [0.0, 0.0]
    torch.testing.assert_close(metrics.relative_content_distance(3 * photos, photos), torch.full((2,), 4.0))


def test_structure_distance_ignores_scale_and_sees_a_shift() -> None:
    photo = torch.rand(1, 2, 4, 4)
    same = metrics.structure_distance(5 * photo, photo)
    opposite = metrics.structure_distance(-photo, photo)
    moved = metrics.structure_distance(photo.roll(1, dims=3), photo)
    torch.testing.assert_close(same, torch.zeros(1))
    torch.testing.assert_close(opposite, torch.full((1,), 2.0))
    assert 0.01 < moved.item() < 2


class TestColors:
    projections = metrics.color_projections()

    def quantiles(self, picture: torch.Tensor) -> torch.Tensor:
        return metrics.color_quantiles(picture, self.projections)

    def test_projections_are_unit_vectors_and_seeded(self) -> None:
        norms = self.projections.norm(dim=1)
        torch.testing.assert_close(norms, torch.ones_like(norms))
        assert torch.equal(self.projections, metrics.color_projections())
        assert not torch.equal(self.projections, metrics.color_projections(seed=1))

    def test_distance_of_two_flat_colors_by_hand(self) -> None:
        # along each direction the distance of two points is the difference's length there
        black, red = torch.zeros(3, 8, 8), torch.zeros(3, 8, 8)
        red[0] = 0.6
        expected = math.sqrt((0.6 * self.projections[:, 0]).square().mean())
        distance = metrics.sliced_wasserstein(self.quantiles(black), self.quantiles(red))
        assert distance == pytest.approx(expected, rel=1e-5)

    def test_symmetric_and_zero_at_identity(self) -> None:
        a, b = self.quantiles(torch.rand(3, 20, 20)), self.quantiles(torch.rand(3, 20, 20) ** 2)
        assert metrics.sliced_wasserstein(a, a) == 0
        assert metrics.sliced_wasserstein(a, b) == metrics.sliced_wasserstein(b, a) > 0.05

    def test_where_pixels_lie_does_not_matter(self) -> None:
        picture = torch.rand(3, 16, 16)
        shuffled = picture.flatten(1)[:, torch.randperm(256)].view(3, 16, 16)
        distance = metrics.sliced_wasserstein(self.quantiles(picture), self.quantiles(shuffled))
        assert distance == pytest.approx(0, abs=1e-6)

    def test_pooling_counts_pictures_the_same_whatever_their_size(self) -> None:
        white, black = torch.ones(3, 40, 40), torch.zeros(3, 4, 4)
        pooled = metrics.pooled_quantiles([self.quantiles(white), self.quantiles(black)])
        along = self.projections.sum(1)  # where white lies on each direction; black lies at 0
        torch.testing.assert_close(pooled.mean(1), along / 2)

    def test_pooling_nothing_is_refused(self) -> None:
        with pytest.raises(ValueError, match="no pictures"):
            metrics.pooled_quantiles([])
