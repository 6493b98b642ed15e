"""What Schemathesis sends: valid forms with real pictures, so that jobs are made and not only refused.

The form is changed on its way out, not in the case, which the checks still judge by what was generated.
"""

from typing import Any

from schemathesis import GenerationMode
from schemathesis.transport.requests import REQUESTS_TRANSPORT
from schemathesis.transport.serialization import Binary

from benchmarks.stub.service import picture

_FORM = "multipart/form-data"
_PICTURES = frozenset({"examples", "contents", "content", "mask", "image", "image[]"})
_STEPS = 2  # a job shall not take long
_SEEDS = 600  # of greater ones the stub engine dies or hangs, for `make chaos`

_matched = REQUESTS_TRANSPORT.get_first_matching_media_type(_FORM)
assert _matched is not None
_encode = _matched[1]


@REQUESTS_TRANSPORT.serializer(_FORM)
def with_pictures(context: Any, value: Any) -> Any:
    """The form as Schemathesis encodes it, with pictures in a valid one."""
    meta = context.case.meta
    if isinstance(value, dict) and meta is not None and meta.generation.mode is GenerationMode.POSITIVE:
        value = dict(value)
        for name in _PICTURES & value.keys():
            many = isinstance(value[name], list)
            value[name] = [_png() for _ in value[name]] if many else _png()
        if isinstance(value.get("steps"), int):
            value["steps"] = min(value["steps"], _STEPS)
        if isinstance(value.get("seed"), int):
            value["seed"] = min(value["seed"], _SEEDS)
    return _encode(context, value)


def _png() -> Binary:
    return Binary(picture("navy"))
