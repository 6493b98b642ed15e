"""What is compared: algorithms, what phi holds, and the critic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.errors import BenchmarkError

NORMALISATION = ("*.gamma", "*.beta")
LOW_RANK = (*NORMALISATION, "*.down", "*.up")
HEAD = ("up1.*", "up2.*", "color")  # ANIL adapts the last layers and leaves the body as it is
CRITIC_WEIGHT = 0.1


@dataclass(frozen=True)
class Variant:
    """One way of training. ``changes``: fields of ``TrainingConfig`` that differ from the common ones."""

    key: str
    label: str
    meta: bool = True  # False: pre-training goes on instead, and the inner rates stay what they were
    trained: bool = True  # False: the start as it is
    changes: Mapping[str, Any] = field(default_factory=dict)
    last_convolution: bool = False

    @property
    def adapt(self) -> tuple[str, ...] | None:
        """Patterns of the tensors of phi that the inner loop moves, in training and afterwards."""
        found: tuple[str, ...] | None = self.changes.get("adapt")
        return found

    @property
    def critic(self) -> float:
        """Weight of the critic's term, in training and afterwards."""
        return float(self.changes.get("critic", 0.0))


def _algorithm(key: str, label: str, **changes: Any) -> Variant:
    # zero_step_weight None: the query loss counts after the steps that the algorithm prescribes
    return Variant(key, label, changes={"algorithm": key, "zero_step_weight": None} | changes)


VARIANTS = {
    variant.key: variant
    for variant in (
        Variant("start", "the start, without further training", trained=False),
        Variant("none", "no meta-learning: joint training goes on", meta=False),
        _algorithm("maml", "MAML"),
        _algorithm("fomaml", "FOMAML"),
        _algorithm("reptile", "Reptile"),
        _algorithm("anil", "ANIL: last layers and colours", adapt=HEAD),
        _algorithm("meta-sgd", "Meta-SGD"),
        _algorithm("maml++", "MAML++", second_order_from=0.5),
        Variant("phi-norm", "phi = normalisation only (what is served)", changes={"adapt": NORMALISATION}),
        Variant("phi-low-rank", "phi = normalisation + low-rank", changes={"adapt": LOW_RANK}),
        Variant("phi-color", "phi = normalisation + low-rank + colours"),
        Variant("phi-last", "the same + last convolution", last_convolution=True),
        Variant("critic", "with the critic", changes={"critic": CRITIC_WEIGHT}),
    )
}

# heading -> rows; a variant that two tables share is trained once
TABLES = {
    "Algorithms": ("start", "none", "maml", "fomaml", "reptile", "anil", "meta-sgd", "maml++"),
    "What phi holds": ("start", "none", "phi-norm", "phi-low-rank", "phi-color", "phi-last"),
    "Critic": ("start", "none", "phi-color", "critic"),
}


def chosen(only: str | None) -> list[Variant]:
    """The variants of ``--only a,b``, or all of them.

    Raises:
        BenchmarkError: an unknown name.
    """
    if only is None:
        return list(VARIANTS.values())
    keys = [key.strip() for key in only.split(",")]
    if unknown := [key for key in keys if key not in VARIANTS]:
        raise BenchmarkError(f"no variants {', '.join(unknown)}; there are {', '.join(VARIANTS)}")
    return [VARIANTS[key] for key in dict.fromkeys(keys)]
