"""Puts the named algorithms together from their parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from model.maml.errors import LearnerError
from model.maml.initialization import ModuleStart, Start
from model.maml.inner_loop import Order
from model.maml.inner_optimizers import SGD, Adam, NormalizedSGD, UpdateRule
from model.maml.learner import GradientLearner, MetaLearner, ReptileLearner
from model.maml.learning_rates import Granularity, LearningRates
from model.maml.params import select_names
from model.maml.schedules import (
    StepWeights,
    annealed_to_last,
    constant_order,
    constant_weights,
    first_then_second,
    last_step,
)
from model.maml.task import LossFn

AlgorithmName = Literal["maml", "fomaml", "reptile", "anil", "meta-sgd", "maml++"]
RuleName = Literal["sgd", "normalized-sgd", "adam"]

_RULES: Mapping[RuleName, type[SGD]] = {"sgd": SGD, "normalized-sgd": NormalizedSGD}


@dataclass(frozen=True)
class InnerConfig:
    """The inner loop's settings, common to all algorithms."""

    steps: int = 5
    lr: float | Mapping[str, float] = 0.01  # initial rate, or one for each tensor
    rule: RuleName = "sgd"
    betas: tuple[float, float] = (0.9, 0.999)  # of the rule "adam"
    rates: Granularity | None = None  # learn rates at this granularity; None: what the algorithm prescribes
    adapt: Sequence[str] | None = None  # patterns of the tensors of phi to update; None: all that start gives
    weights: StepWeights | None = None  # query loss after these steps; None: what the algorithm prescribes
    order: Order | None = None  # order of the derivatives; None: what the algorithm prescribes
    multi_step_until: float = 0.5  # maml++: fraction of training after which only the last step counts
    second_order_from: float = 0.5  # maml++: fraction of training with first-order gradients


def make_rule(
    name: RuleName,
    shapes: Mapping[str, torch.Size],
    lr: float | Mapping[str, float],
    *,
    rates: Granularity | None = None,
    steps: int = 1,
    betas: tuple[float, float] = (0.9, 0.999),
) -> UpdateRule:
    """An inner optimiser with rates that are fixed (``rates`` None) or learned at that granularity."""
    fixed = Granularity.TENSOR if isinstance(lr, Mapping) else Granularity.GLOBAL
    learned = LearningRates(shapes, lr, granularity=rates or fixed, steps=steps, learned=rates is not None)
    return Adam(learned, betas=betas) if name == "adam" else _RULES[name](learned)


def make_algorithm(
    name: AlgorithmName,
    start: Start,
    loss_fn: LossFn,
    config: InnerConfig | None = None,
    *,
    query_loss_fn: LossFn | None = None,
    shared: nn.Module | None = None,
) -> MetaLearner:
    """A meta-learner by name.

    ======== ========= ================== ==================================== ======================
    name     order     query loss after   inner rates                          adapts
    ======== ========= ================== ==================================== ======================
    maml     second    the last step      fixed                                what the start names
    fomaml   first     the last step      fixed                                what the start names
    reptile  none      never              fixed                                what the start names
    anil     second    the last step      fixed                                a part, which you name
    meta-sgd second    the last step      learned, one a parameter             what the start names
    maml++   1st, 2nd  each, then last    learned, one a tensor and step       what the start names
    ======== ========= ================== ==================================== ======================

    Args:
        name: see the table; ``config`` overrides order, rates and query steps.
        start: where phi_0 comes from and which parameters are adapted.
        loss_fn: the inner loss.
        config: the inner loop's settings.
        query_loss_fn: the outer loss, when it is another one.
        shared: weights outside of ``start`` that the outer loop trains too.

    Raises:
        LearnerError: an unknown name; "anil" without the part to adapt; a setting that
            the algorithm cannot honour.
    """
    config = config or InnerConfig()
    shapes = {tensor: start.shapes[tensor] for tensor in select_names(start.shapes, config.adapt)}
    if name == "reptile":
        if config.rates is not None or config.weights is not None or config.order is not None:
            raise LearnerError("reptile has no query gradient: rates, weights and order do not apply")
        rule = make_rule(config.rule, shapes, config.lr, betas=config.betas)
        return ReptileLearner(
            start,
            rule,
            loss_fn,
            steps=config.steps,
            query_loss_fn=query_loss_fn,
            adapt=config.adapt,
            shared=shared,
        )
    if config.order is Order.NONE:
        raise LearnerError("order NONE leaves the outer loop without a gradient: choose FIRST or SECOND")
    partial = isinstance(start, ModuleStart) and not start.adapts_all
    if name == "anil" and not partial and len(shapes) == len(start.shapes):
        raise LearnerError(
            "anil adapts a part: name it, as in ModuleStart(net, ['head.*']) or InnerConfig.adapt"
        )
    rates = config.rates
    order = constant_order(Order.SECOND)
    weights = last_step(config.steps)
    match name:
        case "maml" | "anil":
            pass
        case "fomaml":
            order = constant_order(Order.FIRST)
        case "meta-sgd":
            rates = rates or Granularity.PARAMETER
        case "maml++":
            rates = rates or Granularity.TENSOR_STEP
            order = first_then_second(switch=config.second_order_from)
            weights = annealed_to_last(config.steps, until=config.multi_step_until)
        case _:
            raise LearnerError(f"no algorithm is named {name!r}")
    return GradientLearner(
        start,
        make_rule(config.rule, shapes, config.lr, rates=rates, steps=config.steps, betas=config.betas),
        loss_fn,
        steps=config.steps,
        order=constant_order(config.order) if config.order is not None else order,
        weights=constant_weights(config.weights) if config.weights is not None else weights,
        query_loss_fn=query_loss_fn,
        adapt=config.adapt,
        shared=shared,
    )
