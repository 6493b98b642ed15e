"""Distances: hand-computed values, zeros at identity, what they are blind to and what not."""

import math

import pytest
import torch

from benchmarks.evaluation import metrics


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
    picture = {"a": torch.zeros(2, 2), "b": torch.full((1, 1), 3.0)}
    assert metrics.relative_gram_distance(picture, target) == 2.5


def test_gram_distance_is_zero_at_the_target_and_free_of_scale() -> None:
    first, second = (metrics.gram(torch.randn(1, 4, 8, 8))[0] for _ in range(2))
    assert metrics.relative_gram_distance({"a": first}, {"a": first}) == 0
    distance = metrics.relative_gram_distance({"a": first}, {"a": second})
    scaled = metrics.relative_gram_distance({"a": 7 * first}, {"a": 7 * second})
    assert distance > 0
    assert scaled == pytest.approx(distance, rel=1e-5)


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
    projections = metrics.random_directions()

    def quantiles(self, picture: torch.Tensor) -> torch.Tensor:
        return metrics.projected_quantiles(picture, self.projections)

    def test_projections_are_unit_vectors_and_seeded(self) -> None:
        norms = self.projections.norm(dim=1)
        torch.testing.assert_close(norms, torch.ones_like(norms))
        assert torch.equal(self.projections, metrics.random_directions())
        assert not torch.equal(self.projections, metrics.random_directions(seed=1))

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


class TestMaximumMeanDiscrepancy:
    @staticmethod
    def pictures(count: int, mean: float, seed: int) -> list[torch.Tensor]:
        generator = torch.Generator().manual_seed(seed)
        return [mean + torch.randn(4, 6, generator=generator) for _ in range(count)]

    def test_by_hand(self) -> None:
        # one patch of one number each: k(x, y) = (x y + 1)^3
        first, second = ([torch.tensor([[float(x)]]) for x in pair] for pair in ((0, 1), (1, 2)))
        # within: k(0,1) = 1, k(1,2) = 27; between: (k(0,1) + k(0,2) + k(1,1) + k(1,2)) / 4 = (1+1+8+27) / 4
        assert metrics.polynomial_mmd(first, second) == pytest.approx(1 + 27 - 2 * 37 / 4)

    def test_sees_a_shift_and_is_unbiased_without_one(self) -> None:
        same = [
            metrics.polynomial_mmd(self.pictures(4, 0, seed), self.pictures(4, 0, seed + 500)) or 0.0
            for seed in range(200)
        ]
        mean, error = sum(same) / len(same), torch.tensor(same).std().item() / math.sqrt(len(same))
        assert abs(mean) < 4 * error
        assert min(same) < 0  # an estimate of zero falls to both sides
        shifted = metrics.polynomial_mmd(self.pictures(4, 0, 1), self.pictures(4, 1, 2))
        assert shifted is not None
        assert shifted > 10 * error

    def test_one_picture_is_not_enough(self) -> None:
        assert metrics.polynomial_mmd(self.pictures(1, 0, 1), self.pictures(4, 0, 2)) is None
