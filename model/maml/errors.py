"""Typed errors of the learner."""

from model.errors import ModelError


class LearnerError(ModelError):
    """A task, a loss or a configuration does not fit the learner; the text says what to change."""


class ParameterNameError(LearnerError):
    """A name or pattern selects no parameter, or a rule does not know a parameter."""


class LossShapeError(LearnerError):
    """A loss is neither a scalar nor a vector with one entry a task of the batch."""


class NonFiniteLossError(LearnerError):
    """The outer loop met infinite or undefined gradients too many times in a row."""
