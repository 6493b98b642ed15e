"""Many tasks in one inner loop give what they give one by one."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from model.maml import (
    AlgorithmName,
    InnerConfig,
    InnerStep,
    LossShapeError,
    ModuleStart,
    Params,
    RuleName,
    Start,
    inner_loop,
    make_algorithm,
    make_rule,
    stack_tasks,
    task_at,
)
from tests.model.maml.problems import (
    PredictedStart,
    flat,
    gradients,
    make_task,
    mean_square,
    net_loss,
    network,
    side_by_side,
)

# Tasks of very different scale: a gradient normalised over the whole batch would give other answers.
TASKS = [make_task(1), make_task(2, scale=50.0), make_task(3, scale=0.01)]
INNER = InnerConfig(steps=4, lr=0.05)


@pytest.mark.parametrize("rule", ["sgd", "normalized-sgd", "adam"])
def test_adapting_together_equals_adapting_alone(rule: RuleName) -> None:
    nets = [network(seed) for seed in range(3)]
    starts = [dict(net.named_parameters()) for net in nets]
    shapes = {name: p.shape for name, p in starts[0].items()}
    update = make_rule(rule, shapes, 0.05).double()
    together = inner_loop(
        net_loss(nets[0], batched=True), stack_tasks(starts), side_by_side(TASKS).support, update, 4
    )
    assert [loss.shape for loss in together.support_losses] == [(3,)] * 4
    for i, (start, task) in enumerate(zip(starts, TASKS, strict=True)):
        alone = inner_loop(net_loss(nets[0]), start, task.support, update, 4)
        torch.testing.assert_close(flat(task_at(together.params, i)), flat(alone.params))
        torch.testing.assert_close(
            torch.stack([loss[i] for loss in together.support_losses]), torch.stack(alone.support_losses)
        )


@pytest.mark.parametrize("predicted", [False, True])
@pytest.mark.parametrize("rule", ["sgd", "normalized-sgd", "adam"])
@pytest.mark.parametrize("name", ["maml", "fomaml", "reptile", "meta-sgd", "maml++"])
def test_meta_gradient_of_a_batch_is_the_mean_of_the_tasks(
    name: AlgorithmName, rule: RuleName, predicted: bool
) -> None:
    net = network()

    def start() -> Start:
        return PredictedStart(net) if predicted else ModuleStart(net)

    config = replace(INNER, rule=rule)
    together = make_algorithm(name, start(), net_loss(net, batched=True), config).double()
    alone = make_algorithm(name, start(), net_loss(net), config).double()
    alone.load_state_dict(together.state_dict())
    for progress in (0.2, 1.0):
        found = gradients(together, side_by_side(TASKS), progress=progress)
        singles = [flat(gradients(alone, task, progress=progress)) for task in TASKS]
        assert singles[1].norm() > 0
        torch.testing.assert_close(flat(found), torch.stack(singles).mean(0))


def test_best_is_kept_task_by_task() -> None:
    """Each task overshoots at its own time; the best phi of each is kept, none worse than its start."""

    def loss(params: Params, target: Tensor) -> Tensor:
        return (params["w"] - target).square().sum(-1)

    target = torch.tensor([[0.3], [1.0], [-0.1]], dtype=torch.float64)
    start = {"w": torch.zeros(3, 1, dtype=torch.float64)}
    rule = make_rule("normalized-sgd", {"w": torch.Size([1])}, 0.3)  # fixed stride of 0.3
    result = inner_loop(loss, start, target, rule, 5, validate=lambda phi, _: loss(phi, target))
    assert result.best is not None
    assert result.best.step.tolist() == [1, 3, 0]
    torch.testing.assert_close(
        result.best.params["w"], torch.tensor([[0.3], [0.9], [0.0]], dtype=torch.float64), atol=1e-6, rtol=0
    )
    scores = torch.stack(result.scores)
    assert scores.shape == (6, 3)
    torch.testing.assert_close(result.best.score, scores.min(0).values)
    assert (scores[-1] > result.best.score).any(), "the last phi was the best: nothing was shown"


def test_an_undefined_score_never_wins() -> None:
    scores = iter([torch.tensor([1.0, torch.nan]), torch.tensor([torch.nan, 2.0])])
    rule = make_rule("sgd", {"w": torch.Size([])}, 0.1)
    result = inner_loop(
        lambda phi, _: phi["w"].square(),
        {"w": torch.ones(2)},
        None,
        rule,
        1,
        validate=lambda *_: next(scores),
    )
    assert result.best is not None
    assert result.best.step.tolist() == [0, 1]
    assert result.best.score.tolist() == [1.0, 2.0]


def test_a_loss_that_would_mix_tasks_is_refused() -> None:
    net = network()
    mixed = lambda phi, batch: net_loss(net, batched=True)(phi, batch).mean()  # noqa: E731
    for name in ("maml", "reptile"):
        learner = make_algorithm(name, ModuleStart(net), mixed, INNER)
        with pytest.raises(LossShapeError, match="a task of size 3"):
            learner.meta_loss(side_by_side(TASKS))


def test_a_vector_loss_on_parameters_without_tasks_is_refused() -> None:
    net = network()
    rule = make_rule("sgd", {name: p.shape for name, p in net.named_parameters()}, 0.1)
    with pytest.raises(LossShapeError, match="without them as its leading dimension"):
        inner_loop(
            lambda phi, batch: torch.stack([mean_square(net(batch[0]), batch[1])] * 5),
            dict(net.named_parameters()),
            TASKS[0].support,
            rule,
            1,
        )


def test_tasks_that_leave_the_batch_change_nothing_for_those_that_stay() -> None:
    """Task 1 leaves after the first update; the rule's state goes on with the others."""
    targets = torch.tensor([4.0, 9.0, -2.0], dtype=torch.float64)
    present = [0, 1, 2]

    def loss(params: Params, target: Tensor) -> Tensor:
        return (params["w"] - target).square() / 2

    def leave(at: InnerStep) -> list[int] | None:
        if at.step != 1:
            return None
        present.remove(1)
        return [0, 2]

    rule = make_rule("adam", {"w": torch.Size([])}, 0.5).double()
    start = {"w": torch.zeros(3, dtype=torch.float64)}

    def held_out(params: Params, _step: int) -> Tensor:
        return loss(params, targets[present])

    shrunk = inner_loop(
        loss, start, lambda _step: targets[present], rule, 4, validate=held_out, on_step=leave
    )
    whole = inner_loop(loss, start, targets, rule, 4, validate=lambda params, _step: loss(params, targets))
    assert shrunk.best is not None
    assert whole.best is not None
    torch.testing.assert_close(shrunk.params["w"], whole.params["w"][[0, 2]])
    torch.testing.assert_close(shrunk.best.params["w"], whole.best.params["w"][[0, 2]])
    assert shrunk.best.step.tolist() == whole.best.step[[0, 2]].tolist()
    assert [len(losses) for losses in shrunk.support_losses] == [3, 2, 2, 2]


def test_a_batch_that_everybody_leaves_ends() -> None:
    rule = make_rule("sgd", {"w": torch.Size([])}, 0.5)
    target = torch.zeros(2)
    result = inner_loop(
        lambda params, batch: (params["w"] - batch).square(),
        {"w": torch.ones(2)},
        target,
        rule,
        5,
        on_step=lambda at: [] if at.step == 2 else None,
    )
    assert result.steps == 2
    assert result.params["w"].shape == (0,)
