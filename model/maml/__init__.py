"""Model-agnostic meta-learning: a module or pure function, a task and a loss; nothing about the data.

See ``docs/learner.md`` for the notation, the algorithms and an example.
"""

from model.maml.algorithms import AlgorithmName, InnerConfig, RuleName, make_algorithm, make_rule
from model.maml.errors import LearnerError, LossShapeError, NonFiniteLossError, ParameterNameError
from model.maml.initialization import ModuleStart, Start
from model.maml.inner_loop import Best, InnerResult, InnerStep, Order, inner_loop
from model.maml.inner_optimizers import SGD, Adam, NormalizedSGD, State, UpdateRule
from model.maml.learner import GradientLearner, MetaLearner, MetaLoss, ReptileLearner
from model.maml.learning_rates import Granularity, LearningRates, Rates
from model.maml.outer_loop import OuterConfig, OuterLoop, OuterStep
from model.maml.params import (
    detach,
    expand_tasks,
    module_loss,
    select_names,
    stack_tasks,
    take_tasks,
    task_at,
    vectorized,
)
from model.maml.task import LossFn, Params, Task, batch_at

__all__ = [
    "SGD",
    "Adam",
    "AlgorithmName",
    "Best",
    "GradientLearner",
    "Granularity",
    "InnerConfig",
    "InnerResult",
    "InnerStep",
    "LearnerError",
    "LearningRates",
    "LossFn",
    "LossShapeError",
    "MetaLearner",
    "MetaLoss",
    "ModuleStart",
    "NonFiniteLossError",
    "NormalizedSGD",
    "Order",
    "OuterConfig",
    "OuterLoop",
    "OuterStep",
    "ParameterNameError",
    "Params",
    "Rates",
    "ReptileLearner",
    "RuleName",
    "Start",
    "State",
    "Task",
    "UpdateRule",
    "batch_at",
    "detach",
    "expand_tasks",
    "inner_loop",
    "make_algorithm",
    "make_rule",
    "module_loss",
    "select_names",
    "stack_tasks",
    "take_tasks",
    "task_at",
    "vectorized",
]
