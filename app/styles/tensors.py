"""Check the tensors of a style file as a worker does, without torch and NumPy."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, deserialize

from model.errors import StyleFormatError
from model.formats import MAX_STYLE_BYTES, read_metadata

_PHI = "phi/"  # begins the names of a style's numbers, where other tensors tell of its examples

# For each type how to read its numbers as integers, and the bits of the exponent: where all of them are set,
# the number is infinite or none.
_EXPONENTS = {"F16": ("H", 0x7C00), "BF16": ("H", 0x7F80), "F32": ("I", 0x7F800000)}


def check_phi(
    style: bytes, checkpoint: Path | None, *, examples: Mapping[str, str], about: Collection[str]
) -> None:
    """Raise StyleFormatError unless phi is sound and has the shapes of the checkpoint's own, and what tells
    of the examples is there: tensors by name and type, and entries of the header."""
    if len(style) > MAX_STYLE_BYTES:
        raise StyleFormatError(f"it has {len(style):,} bytes, more than {MAX_STYLE_BYTES:,}")
    check_tensors(style, _shapes_of_phi(checkpoint) if checkpoint else None, prefix=_PHI)
    types = {name: tensor["dtype"] for name, tensor in deserialize(style)}  # type: ignore[no-untyped-call]
    lost = [name for name, form in examples.items() if types.get(name) != form]
    if lost := lost or sorted(set(about) - read_metadata(style, what="style").keys()):
        raise StyleFormatError(f"what it tells of its examples is damaged: {', '.join(lost)}")


def _shapes_of_phi(checkpoint: Path) -> dict[str, tuple[int, ...]] | None:
    """None where it cannot be read, and where it has no phi, as a language model alone."""
    try:
        with checkpoint.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return {
            name: tuple(tensor["shape"]) for name, tensor in header.items() if name.startswith(_PHI)
        } or None
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None


def check_tensors(
    style: bytes, shapes: Mapping[str, tuple[int, ...]] | None = None, *, prefix: str = ""
) -> None:
    """Raise StyleFormatError unless every tensor lies within the file, and those whose names begin with
    ``prefix`` hold finite numbers and are of the network with these ``shapes``, when they are known."""
    try:
        tensors: list[tuple[str, dict[str, Any]]] = deserialize(style)  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise StyleFormatError(f"its tensors are damaged: {error}") from error
    own = [(name, tensor) for name, tensor in tensors if name.startswith(prefix)]
    for name, tensor in own:
        if tensor["dtype"] not in _EXPONENTS:
            raise StyleFormatError(f"its tensor {name[:80]!r} has no floating-point numbers of 16 or 32 bits")
        form, exponent = _EXPONENTS[tensor["dtype"]]
        numbers = memoryview(tensor["data"]).cast("B").cast(form)  # type: ignore[call-overload]
        if any(number & exponent == exponent for number in numbers):
            raise StyleFormatError(f"its tensor {name[:80]!r} holds numbers that are not finite")
    found = {name: tuple(tensor["shape"]) for name, tensor in own}
    if shapes is not None and found != dict(shapes):
        raise StyleFormatError("its tensors do not fit the network: the file is damaged")
