"""Print the effective settings, and the page that documents them."""

import os
import re
import types
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo

from app.infra.parent_death import PARENT_VARIABLE
from app.redaction import MASK, redact
from app.settings import Settings
from app.settings_toml import FileSource, ignored_file

_PREFIX = "FEWSTROKE_"
_OTHERS = frozenset({"FEWSTROKE_CONFIG", "FEWSTROKE_KEY", "FEWSTROKE_URL", PARENT_VARIABLE})  # clients, serve
_NOT_OURS = re.compile(  # of tests, and what Kubernetes tells of a Service called `fewstroke`
    r"FEWSTROKE_(TEST|SCRIPTED|SERVICE|PORT)_"
)

_HEAD = """# Configuration

<!-- Made by `fewstroke config --table > docs/configuration.md` from the descriptions in app/settings.py. -->

Every setting is an environment variable, or a key in a TOML file: the one that `FEWSTROKE_CONFIG` names,
else `fewstroke.toml` in the folder where the process is started, if it belongs to the user who starts it and
nobody else can write it; the first line of the log names it. The environment wins over the file.
`fewstroke config` shows what is in effect and where it comes from. Sizes are in bytes, times in seconds,
sides in pixels, unless the table says otherwise.

| variable | key in the file | type | default | what it is |
|---|---|---|---|---|
"""


def environment_names(name: str) -> list[str]:
    """The variables that set a field, the one that wins first."""
    alias = Settings.model_fields[name].validation_alias
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices if str(choice).isupper()]
    return [f"FEWSTROKE_{name.upper()}"]


def remarks() -> list[str]:
    """Sentences about what was meant as a setting, perhaps, and is not in effect."""
    return [*filter(None, [ignored_file()]), *unknown_variables()]


def unknown_variables() -> list[str]:
    """A sentence for each variable of the environment that begins like a setting and is none."""
    known = {variable for name in Settings.model_fields for variable in environment_names(name)}
    found = []
    for variable in sorted(os.environ):
        upper = variable.upper()
        if upper not in known | _OTHERS and upper.startswith(_PREFIX) and not _NOT_OURS.match(upper):
            near = get_close_matches(upper.removeprefix(_PREFIX).lower(), Settings.model_fields, n=1)
            meant = f": is {environment_names(near[0])[0]} meant?" if near else "."
            found.append(f"{variable} is no setting{meant}")
    return found


def effective(settings: Settings) -> dict[str, dict[str, Any]]:
    """For each setting its value (secrets masked) and its source: a variable, ``file`` or ``default``."""
    in_file = FileSource(Settings).init_kwargs
    return {
        name: {"value": _masked(getattr(settings, name)), "source": _source(name, in_file)}
        for name in Settings.model_fields
    }


def page() -> str:
    """``docs/configuration.md``."""
    return _HEAD + "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterable[str]:
    for name, field in Settings.model_fields.items():
        variables = " or ".join(f"`{variable}`" for variable in environment_names(name))
        yield f"| {variables} | `{name}` | {_type(field)} | {_default(field)} | {field.description or ''} |"


def _source(name: str, in_file: dict[str, Any]) -> str:
    present = {variable.upper() for variable in os.environ}  # names of variables ignore case
    for variable in environment_names(name):
        if variable in present:
            return variable
    return "file" if name in in_file else "default"


def _masked(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, tuple):
        return list(value)
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def _type(field: FieldInfo) -> str:
    return _name(field.annotation) + _bounds(field)


def _name(kind: Any) -> str:
    origin = get_origin(kind)
    if origin is Annotated:
        return _name(get_args(kind)[0])
    if origin in (Union, types.UnionType):
        return ", ".join(_name(part) for part in get_args(kind) if part is not type(None))
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    if origin is tuple:
        return "list of text"
    names = {"str": "text", "int": "integer", "float": "number", "bool": "true or false", "Path": "path"}
    name = getattr(kind, "__name__", str(kind))
    return "secret" if kind is SecretStr else names.get(name, name)


def _bounds(field: FieldInfo) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤"}
    found = [
        f"{sign} {getattr(item, name)}"
        for item in field.metadata
        for name, sign in signs.items()
        if getattr(item, name, None) is not None
    ]
    return f" {', '.join(found)}" if found else ""


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "`$XDG_DATA_HOME/fewstroke`"
    if field.default is None or field.default == ():
        return ""
    value = field.default
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
