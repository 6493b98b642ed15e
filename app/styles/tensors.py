"""Check the tensors of a style file as a worker does, without torch and NumPy."""

from collections.abc import Mapping
from typing import Any

from safetensors import SafetensorError, deserialize

from model.errors import StyleFormatError

# For each type how to read its numbers as integers, and the bits of the exponent: where all of them are set,
# the number is infinite or none.
_EXPONENTS = {"F16": ("H", 0x7C00), "BF16": ("H", 0x7F80), "F32": ("I", 0x7F800000)}


def check_tensors(style: bytes, shapes: Mapping[str, tuple[int, ...]] | None = None) -> None:
    """Raise StyleFormatError unless every tensor lies within the file, holds finite numbers, and is of the
    network with these ``shapes``, when they are known."""
    try:
        tensors: list[tuple[str, dict[str, Any]]] = deserialize(style)  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise StyleFormatError(f"its tensors are damaged: {error}") from error
    for name, tensor in tensors:
        if tensor["dtype"] not in _EXPONENTS:
            raise StyleFormatError(f"its tensor {name[:80]!r} has no floating-point numbers of 16 or 32 bits")
        form, exponent = _EXPONENTS[tensor["dtype"]]
        numbers = memoryview(tensor["data"]).cast("B").cast(form)  # type: ignore[call-overload]
        if any(number & exponent == exponent for number in numbers):
            raise StyleFormatError(f"its tensor {name[:80]!r} holds numbers that are not finite")
    found = {name: tuple(tensor["shape"]) for name, tensor in tensors}
    if shapes is not None and found != dict(shapes):
        raise StyleFormatError("its tensors do not fit the network: the file is damaged")
