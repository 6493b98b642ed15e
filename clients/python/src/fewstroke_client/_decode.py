"""From JSON to dataclasses, by their annotations.

Fields that this version does not know are left out, so a newer service is no error; a field that is missing
is one (``UnexpectedAnswerError``), unless the dataclass has a default for it.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from fewstroke_client._errors import UnexpectedAnswerError

T = TypeVar("T")


def decode(kind: type[T], value: Any) -> T:
    """``value`` (of ``json.loads``) as a ``kind``."""
    return _decode(kind, value, kind.__name__)  # type: ignore[no-any-return]


def _decode(kind: Any, value: Any, where: str) -> Any:
    if kind is Any:
        return value
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        (kind,) = (option for option in get_args(kind) if option is not types.NoneType)
        return _decode(kind, value, where)
    if origin in (list, tuple):
        item = get_args(kind)[0]
        return origin(_decode(item, entry, where) for entry in _checked(list, value, where))
    if origin is dict:
        item = get_args(kind)[1]
        return {
            key: _decode(item, entry, f"{where}.{key}") for key, entry in _checked(dict, value, where).items()
        }
    if is_dataclass(kind):
        return _decode_dataclass(kind, _checked(dict, value, where), where)
    if kind is datetime:
        return datetime.fromisoformat(_checked(str, value, where))
    if kind is float:
        return float(_checked((int, float), value, where))
    return _checked(kind, value, where)


def _decode_dataclass(kind: Any, value: Mapping[str, Any], where: str) -> Any:
    hints, found = _hints(kind), {}
    for field in fields(kind):
        if field.name in value:
            found[field.name] = _decode(hints[field.name], value[field.name], f"{where}.{field.name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise UnexpectedAnswerError(f"The service's answer lacks {where}.{field.name}.")
    return kind(**found)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _checked(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, kind):
        raise UnexpectedAnswerError(f"The service's answer has {type(value).__name__} at {where}.")
    return value
