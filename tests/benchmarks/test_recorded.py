"""The comparison of recorded and eager steps: it must be able to say no."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.recorded import compare

CPU = torch.device("cpu")


def test_equal_steps_agree_and_a_step_that_forgets_its_samples_does_not() -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(20))
    x = torch.randn(20)

    def loss() -> dict[str, Tensor]:
        return {"total": ((weight - x) ** 2).sum()}

    found = compare([weight], CPU, lambda: None, loss)
    assert found["agree"] is True
    assert found["recorded"] is False  # nothing is recorded on a CPU
    assert found["cosine"] == 1

    def moving() -> dict[str, Tensor]:
        x.copy_(-3 * x)  # other samples at each call
        return loss()

    assert compare([weight], CPU, lambda: None, moving)["agree"] is False
