"""What a training run keeps on disk to go on after an interruption: safetensors and JSON, no pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

STATE_FORMAT = "fewstroke-training/1"


class ExponentialAverage:
    """Exponential moving average of a module's parameters and buffers: what is validated and shipped."""

    def __init__(self, module: nn.Module, decay: float = 0.999) -> None:
        self.decay = decay
        self.values = {name: value.detach().clone() for name, value in module.state_dict().items()}
        self.updates = 0

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Take in the current weights; the first updates weigh more, so that the start is forgotten."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        current = module.state_dict()
        # one kernel for all on an accelerator
        torch._foreach_lerp_(list(self.values.values()), [current[name] for name in self.values], 1 - decay)


def save_state(
    path: Path,
    modules: dict[str, nn.Module],
    optimizer: torch.optim.Optimizer,
    average: ExponentialAverage,
    progress: dict[str, Any],
    extra: dict[str, Tensor] | None = None,
) -> None:
    """Write everything atomically: a crash leaves the previous file. ``extra`` goes under ``extra/``."""
    tensors: dict[str, Tensor] = {}
    for prefix, module in modules.items():
        tensors |= {f"{prefix}/{k}": v for k, v in module.state_dict().items()}
    tensors |= {f"average/{k}": v for k, v in average.values.items()}
    tensors |= {f"extra/{k}": v for k, v in (extra or {}).items()}
    for index, entry in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{k}": torch.as_tensor(v) for k, v in entry.items()}
    tensors = {k: v.detach().contiguous().cpu().clone() for k, v in tensors.items()}
    meta = {"format": STATE_FORMAT, "progress": json.dumps(progress | {"average_updates": average.updates})}
    temporary = path.with_suffix(".tmp")
    save_file(tensors, temporary, metadata=meta)
    temporary.replace(path)


def load_state(
    path: Path,
    modules: dict[str, nn.Module],
    optimizer: torch.optim.Optimizer | None,
    average: ExponentialAverage,
) -> dict[str, Any]:
    """Restore what ``save_state`` wrote; ``optimizer`` None starts its moments afresh."""
    with safe_open(path, framework="pt") as file:
        meta = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    if meta.get("format") != STATE_FORMAT:
        raise ValueError(f"{path} is not a training state of format {STATE_FORMAT}")
    progress: dict[str, Any] = json.loads(meta["progress"])
    for prefix, module in modules.items():
        start = f"{prefix}/"
        module.load_state_dict({k[len(start) :]: v for k, v in tensors.items() if k.startswith(start)})
    for name, value in average.values.items():
        value.copy_(tensors[f"average/{name}"])
    average.updates = progress["average_updates"]
    if optimizer is not None:
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith("optimizer/"):
                _, index, key = name.split("/", 2)
                state.setdefault(int(index), {})[key] = value
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return progress


def stored_modules(path: Path) -> dict[str, dict[str, Tensor]]:
    """The state of every module in a training state, by name; ``extra`` beside them."""
    found: dict[str, dict[str, Tensor]] = {}
    with safe_open(path, framework="pt") as file:
        for name in file.keys():  # noqa: SIM118 - not a dict
            module, _, key = name.partition("/")
            if module not in ("average", "optimizer"):
                found.setdefault(module, {})[key] = file.get_tensor(name)
    return found
