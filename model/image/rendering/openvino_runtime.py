"""Loads OpenVINO's runtime without what else its package brings along."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any, cast

_TOOLS = (
    "openvino.tools.ovc"  # model conversion: half the time of the import, and it reports home that it ran
)


def installed() -> bool:
    """Whether the package is there; does not import it."""
    return importlib.util.find_spec("openvino") is not None


def openvino() -> Any:
    """The module ``openvino``, imported without its conversion tools and their telemetry.

    Raises ``ImportError`` where it is not installed or cannot be loaded.
    """
    if "openvino" in sys.modules:
        return sys.modules["openvino"]
    known = sys.modules.get(_TOOLS)
    sys.modules[_TOOLS] = cast(ModuleType, None)  # the package goes on without it, as without the extra
    try:
        return importlib.import_module("openvino")
    finally:
        if known is None:
            sys.modules.pop(_TOOLS, None)
        else:
            sys.modules[_TOOLS] = known
