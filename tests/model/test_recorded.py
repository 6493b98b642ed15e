"""A training step's losses and gradients, eager and recorded."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from model.training.recorded import WARM_UP, RecordedStep
from model.training.watch import PATIENCE, Watch


class Step:
    """A small step on inputs that stay where they are."""

    def __init__(self, device: str) -> None:
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)).to(device)
        self.unused = nn.Parameter(torch.ones(3, device=device))
        self.x = torch.zeros(5, 4, device=device)
        self.calls = 0

    def compute(self) -> dict[str, Tensor]:
        self.calls += 1
        loss = self.net(self.x).square().mean()
        return {"half": loss / 2, "total": loss}

    def expected(self, x: Tensor) -> tuple[float, list[Tensor]]:
        loss = self.net(x).square().mean()
        return float(loss.detach()), list(torch.autograd.grad(loss, list(self.net.parameters())))


def check(device: str, steps: int) -> tuple[Step, RecordedStep]:
    step = Step(device)
    replay = RecordedStep([*step.net.parameters(), step.unused], torch.device(device))
    for seed in range(steps):
        x = torch.randn(5, 4, generator=torch.Generator().manual_seed(seed)).to(device)
        step.x.copy_(x)
        losses = replay("step", step.compute)
        total, gradients = step.expected(x)
        assert float(losses["total"]) == pytest.approx(total, rel=1e-4)
        assert float(losses["half"]) == pytest.approx(total / 2, rel=1e-4)
        assert not losses["total"].requires_grad
        torch.testing.assert_close([p.grad for p in step.net.parameters()], gradients)
        assert step.unused.grad is None
    return step, replay


def test_an_eager_step_leaves_the_gradients_of_its_own_samples() -> None:
    step, _ = check("cpu", 4)
    assert step.calls == 4  # nothing is recorded on a CPU


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_recorded_step_reads_what_was_written_since() -> None:
    step, replay = check("cuda", WARM_UP + 4)
    assert step.calls == WARM_UP + 1  # the last of them recorded
    replay("another", step.compute)  # other kernels: from the beginning
    assert step.calls == WARM_UP + 2


def test_watch_counts_undefined_gradients_in_a_row_and_leaves_them_out_of_the_means() -> None:
    watch = Watch(torch.device("cpu"))
    good, bad = torch.tensor(1.0), torch.tensor(float("nan"))
    assert watch.means() == {}
    assert bool(watch.look(good, {"total": torch.tensor(2.0)}))
    for _ in range(PATIENCE - 1):
        assert not bool(watch.look(bad, {"total": bad}))
    assert watch.overflows() == 0
    watch.look(good, {"total": torch.tensor(3.0)})
    assert watch.means()["total"] == pytest.approx(0.98 * 2 + 0.02 * 3)
    for _ in range(PATIENCE):
        watch.look(bad, {"total": bad})
    assert watch.overflows() == 1  # the good step between began the count anew
    assert watch.overflows() == 0  # asked and answered


def test_losses_may_come_and_go_and_keep_their_means() -> None:
    """MAML++ stops weighing the early inner steps while it trains."""
    watch, good = Watch(torch.device("cpu")), torch.tensor(1.0)
    watch.look(good, {"total": torch.tensor(1.0), "query1": torch.tensor(4.0), "query2": torch.tensor(2.0)})
    watch.look(good, {"total": torch.tensor(1.0), "query2": torch.tensor(3.0)})
    assert watch.means() == pytest.approx({"total": 1.0, "query2": 0.98 * 2 + 0.02 * 3})
    watch.look(good, {"total": torch.tensor(1.0), "query3": torch.tensor(7.0)})
    assert watch.means() == pytest.approx({"total": 1.0, "query3": 7.0})
