"""Resamples pictures in an ONNX graph as Pillow does it."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from model.image.export.graph import GraphBuilder

LOBES = 3  # of the window
PRECISION = 2.0**22  # of Pillow's weights, which are whole numbers


def shrunk(g: GraphBuilder, x: str, size: str) -> str:
    """(batch, 3, height, width) in 0..1 at ``size``, (2,) int64: Pillow's Lanczos, rounded as it rounds.

    ONNX has no such filter, so the sums are products with matrices of weights: of each row first, as Pillow
    has it where a picture is at most twice as high as wide.
    """
    own = g.node("Shape", x, start=2)
    height, width = (g.node("Gather", own, g.integers(i)) for i in (0, 1))
    rows, columns = (g.node("Gather", size, g.integers(i)) for i in (0, 1))
    x = g.node("Mul", x, g.number(255))
    x = _levels(g, g.node("MatMul", x, _weights(g, width, columns)))
    x = _levels(g, g.node("MatMul", g.node("Transpose", _weights(g, height, rows), perm=[1, 0]), x))
    return g.node("Div", x, g.number(255))


def between(g: GraphBuilder, a: str, b: str, share: str) -> str:
    """``a`` at 0, ``b`` at 1."""
    return g.node("Add", a, g.node("Mul", g.node("Sub", b, a), share))


def rounded(g: GraphBuilder, x: str) -> str:
    """To 8 bits, as pictures are between the steps of the service; in 0..1."""
    return g.node("Div", _levels(g, g.node("Mul", x, g.number(255))), g.number(255))


def enlarged(g: GraphBuilder, x: str, size: str) -> str:
    """The same, bicubic and not rounded; no smaller than it is."""
    return g.resize(x, size, "cubic", cubic_coeff_a=-0.5, exclude_outside=1)


def pooled(g: GraphBuilder, x: str, side: int) -> str:
    """Means of blocks of pixels; what is over is left out."""
    return g.node("AveragePool", x, kernel_shape=[side] * 2, strides=[side] * 2)


def box(g: GraphBuilder, x: str, reach: int) -> str:
    """Means of squares of ``2 reach + 1`` a side; the border repeats."""
    padded = g.node("Pad", x, g.integers(0, 0, reach, reach, 0, 0, reach, reach), mode="edge")
    return g.node("AveragePool", padded, kernel_shape=[2 * reach + 1] * 2)


def _levels(g: GraphBuilder, x: str) -> str:
    return g.node("Round", g.node("Clip", x, g.number(0), g.number(255)))


def _weights(g: GraphBuilder, length: str, wanted: str) -> str:
    """(length, wanted): how much each of so many pixels counts for each of those that are wanted.

    In double precision, since a slip in the fourth digit is another level here and there.
    """

    def real(value: float) -> str:
        return g.constant(np.array(value, dtype=np.float64))

    def middles(count: str) -> str:
        numbers = g.node("Range", g.whole(0), g.node("Squeeze", count), g.whole(1))
        return g.node("Add", g.cast(numbers, TensorProto.DOUBLE), real(0.5))

    scale = g.node("Div", *(g.cast(name, TensorProto.DOUBLE) for name in (length, wanted)))
    center = g.node("Mul", g.node("Unsqueeze", middles(wanted), g.integers(0)), scale)
    away = g.node("Sub", g.node("Unsqueeze", middles(length), g.integers(1)), center)
    away = g.node("Div", g.node("Abs", away), g.node("Max", scale, real(1)))
    # Both sines are zero at the window's end, so what is beyond it counts as its end; at 0 they have a limit.
    away = g.node("Clip", away, real(1e-6), real(LOBES))
    wave = g.node("Sin", g.node("Mul", away, real(np.pi)))
    window = g.node("Sin", g.node("Mul", away, real(np.pi / LOBES)))
    weights = g.node("Div", g.node("Mul", wave, window), g.node("Mul", away, away))
    share = g.node("Div", weights, g.node("ReduceSum", weights, g.integers(0), keepdims=1))
    share = g.node("Div", g.node("Round", g.node("Mul", share, real(PRECISION))), real(PRECISION))
    return g.cast(share, TensorProto.FLOAT)
