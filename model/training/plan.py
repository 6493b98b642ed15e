"""What a run in several calls was begun with: later calls go on with that, or are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def keep_plan(path: Path, plan: dict[str, Any]) -> None:
    """Write the plan at the first call, and refuse another one later: the run would be neither.

    Args:
        path: of the plan's file, in the run's folder.
        plan: what decides the result, as JSON has it.

    Raises:
        ValueError: the folder holds a run with another plan.
    """
    if path.exists() and (known := json.loads(path.read_text())) != plan:
        other = {name for name in known | plan if known.get(name) != plan.get(name)}
        before = ", ".join(f"{name} {known.get(name, 'not set')}" for name in sorted(other))
        now = ", ".join(f"{name} {plan.get(name, 'not set')}" for name in sorted(other))
        raise ValueError(f"{path.parent} holds a run with {before}; this call has {now}: use another --out")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(plan) + "\n")
