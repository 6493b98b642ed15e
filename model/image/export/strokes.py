"""Writes a style's brushwork into an ONNX graph: ``model.image.rendering.strokes`` and ``flattening``."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from model.formats import Surface
from model.image.brushes import (
    CLUTTER_ALIKE,
    CLUTTER_BLOCK,
    CLUTTER_FROM,
    CLUTTER_MOST,
    CLUTTER_REACH,
    CLUTTER_SLOPE,
    DIRECTIONS,
    FAR,
    FAR_COUNTS,
    FAR_REACH,
    FLAT_ALIKE,
    FLAT_DARK,
    FLAT_EDGE,
    FLAT_REACH,
    FLAT_STEPS,
    HATCHED,
    KEY_CROWD,
    KEY_CROWDING,
    KEY_DARK,
    KEY_FROM,
    KEY_GAIN,
    KEY_LINES,
    KEY_REACH,
    LINE_FROM,
    LINED_ALIKE,
    NEAR_REACH,
    NOISE_SIDE,
    PAINTED_FROM,
    PLAIN_SLOPE,
    PLAIN_TURN,
    PRINT_ALIKE,
    ROUGH,
    SPREAD,
    TINTS,
    Kernels,
    compass,
    dot_kernel,
    line_kernels,
    neighbours,
    stroke_kernels,
    white_noise,
)
from model.image.export.graph import GraphBuilder
from model.image.export.resampling import between, box, pooled, rounded
from model.image.pyramid import DARK, SIDES


@dataclass(frozen=True)
class Brush:
    """The noise that a style needs, in tiles of ``NOISE_SIDE``: (1, channels, side, side), or none."""

    surface: Surface
    strokes: str | None
    lines: str | None
    dots: str | None

    @classmethod
    def of(cls, g: GraphBuilder, surface: Surface) -> Brush | None:
        """The brush of a style; None for one without brushwork."""
        if not (surface.brushwork or surface.hatching or surface.outlines):
            return None
        white = ""
        if surface.brushwork or surface.hatching:
            white = g.cast(g.constant(white_noise(), "white_noise"), TensorProto.FLOAT)
            white = g.node("Div", white, g.number(SPREAD))

        def channels(low: int, high: int) -> str:
            return g.node("Slice", white, g.integers(low), g.integers(high), g.integers(1))

        def drawn(x: str, name: str, kernels: Kernels) -> str:
            reach = kernels.shape[-1] // 2
            low, high = g.integers(NOISE_SIDE - reach), g.integers(2 * NOISE_SIDE + reach)
            around = g.node("Tile", x, g.integers(1, 1, 3, 3))  # the noise has no border
            for axis in (2, 3):
                around = g.node("Slice", around, low, high, g.integers(axis))
            return g.node("Conv", around, g.constant(kernels.astype(np.float32), name))

        strokes = lines = dots = None
        if surface.brushwork and surface.direction > 0:
            strokes = drawn(channels(0, 1), "strokes", stroke_kernels())
        if surface.hatching:
            lines = drawn(channels(0, 1), "lines", line_kernels())
        if surface.brushwork and surface.direction < 1:
            dots = g.node("Transpose", channels(1, 4), perm=[1, 0, 2, 3])
            dots = g.node("Transpose", drawn(dots, "dots", dot_kernel()), perm=[1, 0, 2, 3])
        return cls(surface, strokes, lines, dots)

    def painted(self, g: GraphBuilder, x: str, photo: str, level: str, again: str) -> str:
        """``rendering.strokes.painted``: where the level is drawn for the first time (``again`` is 0)."""
        light = _light(g, photo)
        noise = []
        if self.strokes is not None or self.lines is not None:
            weights = _weights(g, _tangents(g, light))
        if self.strokes is not None:
            amount = self.surface.brushwork * math.sqrt(self.surface.direction)
            noise.append(g.node("Mul", g.number(amount), _along(g, self.strokes, weights)))
        if self.dots is not None:
            amount = self.surface.brushwork * math.sqrt(3 * (1 - self.surface.direction))
            dots = _covered(g, self.dots, photo)
            grey = _light(g, dots)
            tint = g.node("Mul", g.number(TINTS * self.surface.tint), g.node("Sub", dots, grey))
            noise.append(g.node("Mul", g.number(amount), g.node("Add", grey, tint)))
        if self.lines is not None:
            dark = _square(g, g.node("Sub", g.number(1), _light(g, x)))
            dark = g.node("Mul", g.number(HATCHED * self.surface.hatching), dark)
            noise.append(g.node("Mul", dark, _along(g, self.lines, weights)))
        fine = g.constant(np.array([level >= PAINTED_FROM for level in range(len(SIDES))], dtype=np.float32))
        first = g.cast(g.node("Equal", again, g.whole(0)), TensorProto.FLOAT)
        here = g.node("Mul", g.node("Gather", fine, level), first)
        if noise:
            total = g.node("Mul", g.node("Sum", *noise), g.node("Mul", here, _calm(g, light)))
            x = g.node("Clip", g.node("Add", x, total), g.number(0), g.number(1))
        if self.surface.outlines:
            ink = g.node("Mul", here, g.number(KEY_LINES * self.surface.outlines))
            x = g.node("Mul", x, g.node("Sub", g.number(1), g.node("Mul", ink, _outlines(g, light))))
        return x


def _calm(g: GraphBuilder, light: str) -> str:
    tone = g.node("Log", g.node("Add", light, g.number(DARK)))
    spread = g.node("Sub", box(g, _square(g, tone), 2), _square(g, box(g, tone, 2)))
    spread = g.node("Add", g.node("Max", spread, g.number(0)), g.number(ROUGH**2))
    return g.node("Add", g.number(0.5), g.node("Div", g.number(0.5 * ROUGH**2), spread))


def _outlines(g: GraphBuilder, light: str) -> str:
    near, wide = box(g, light, 1), box(g, light, 3)
    darker = g.node("Div", g.node("Sub", wide, near), g.node("Add", wide, g.number(KEY_DARK)))
    darker = g.node("Mul", g.number(KEY_GAIN), g.node("Sub", darker, g.number(KEY_FROM)))
    lines = g.node("Clip", darker, g.number(0), g.number(1))
    free = g.node("Sub", g.number(KEY_CROWD), g.node("Mul", g.number(KEY_CROWDING), box(g, lines, KEY_REACH)))
    return g.node("Mul", lines, g.node("Clip", free, g.number(0), g.number(1)))


def flattened(g: GraphBuilder, photo: str, share: str) -> str:
    """``rendering.flattening.flattened``, rounded to 8 bits; ``share`` is a scalar."""
    crowded = g.node("Sub", _clutter(g, _light(g, pooled(g, photo, 2))), g.number(CLUTTER_FROM))
    crowded = g.node("Clip", crowded, g.number(0), g.number(CLUTTER_MOST))
    alike = g.node("Add", g.number(FLAT_ALIKE), g.node("Mul", g.number(CLUTTER_ALIKE), crowded))
    return rounded(g, between(g, photo, _flat(g, photo, alike), share))


def printed(g: GraphBuilder, render: str, share: str, linework: float) -> str:
    """``rendering.flattening.printed``; ``share`` is a scalar."""
    flat = _flat(g, render, g.number(PRINT_ALIKE + (LINED_ALIKE - PRINT_ALIKE) * linework))
    darker = g.node("Add", _light(g, g.node("Sub", render, flat)), g.number(LINE_FROM))
    lined = g.node("Add", flat, g.node("Min", darker, g.number(0)))
    return between(g, render, g.node("Clip", lined, g.number(0), g.number(1)), share)


def _flat(g: GraphBuilder, photo: str, alike: str) -> str:
    half = pooled(g, photo, 2)
    light, coarse = _light(g, photo), _light(g, half)
    x = g.node("Log", g.node("Add", half, g.number(FLAT_DARK)))
    for step in FLAT_STEPS:
        x = _bilateral(g, x, step, alike)
    flat = g.node("Sub", g.node("Exp", x), g.number(FLAT_DARK))
    mean, mean_flat = box(g, coarse, 1), box(g, flat, 1)
    variance = g.node("Sub", box(g, _square(g, coarse), 1), _square(g, mean))
    variance = g.node("Add", g.node("Max", variance, g.number(0)), g.number(FLAT_EDGE))
    covariance = g.node("Sub", box(g, g.node("Mul", coarse, flat), 1), g.node("Mul", mean, mean_flat))
    slope = box(g, g.node("Div", covariance, variance), 1)
    size = g.node("Shape", photo, start=2)
    detail = g.node("Sub", light, g.resize(coarse, size, "linear"))
    detail = g.node("Mul", g.resize(slope, size, "linear"), detail)
    return g.node("Clip", g.node("Add", g.resize(flat, size, "linear"), detail), g.number(0), g.number(1))


def _clutter(g: GraphBuilder, light: str) -> str:
    twice = _doubled_angle(g, light)
    a, b = (g.node("Slice", twice, g.integers(i), g.integers(i + 1), g.integers(1)) for i in range(2))
    fourth = g.node("ReduceSum", _square(g, twice), g.integers(1))
    square = g.node("Sqrt", fourth)
    edges = g.node("Div", square, g.node("Add", square, g.number(CLUTTER_SLOPE**2)))
    product = g.node("Mul", g.number(2), g.node("Mul", a, b))
    fourfold = g.node("Concat", g.node("Sub", _square(g, a), _square(g, b)), product, axis=1)
    weight = g.node("Div", edges, g.node("Add", fourth, g.number(1e-12)))
    terms = g.node("Concat", edges, g.node("Mul", fourfold, weight), axis=1)
    found = box(g, box(g, pooled(g, terms, CLUTTER_BLOCK), CLUTTER_REACH), CLUTTER_REACH)
    share = g.node("Slice", found, g.integers(0), g.integers(1), g.integers(1))
    common = g.node("Slice", found, g.integers(1), g.integers(3), g.integers(1))
    common = g.node("Sqrt", g.node("ReduceSum", _square(g, common), g.integers(1)))
    return g.resize(g.node("Sub", share, common), g.node("Shape", light, start=2), "linear")


def _bilateral(g: GraphBuilder, x: str, step: int, alike: str) -> str:
    reach = step * FLAT_REACH
    of_differences = g.node("Div", g.number(-0.5), _square(g, alike))
    around = g.node("Pad", x, g.integers(0, 0, reach, reach, 0, 0, reach, reach), mode="edge")
    size = g.node("Shape", x, start=2)
    total, weights = [], []
    for down, right, near in neighbours():
        start = g.integers(step * down, step * right)
        other = g.node("Slice", around, start, g.node("Add", start, size), g.integers(2, 3))
        apart = g.node("ReduceSum", _square(g, g.node("Sub", other, x)), g.integers(1))
        weight = g.node("Mul", g.number(near), g.node("Exp", g.node("Mul", apart, of_differences)))
        total.append(g.node("Mul", weight, other))
        weights.append(weight)
    return g.node("Div", g.node("Sum", *total), g.node("Sum", *weights))


def _doubled_angle(g: GraphBuilder, light: str) -> str:
    padded = g.node("Pad", light, g.integers(0, 0, 1, 1, 0, 0, 1, 1), mode="edge")
    slopes = np.zeros((2, 1, 3, 3), dtype=np.float32)
    slopes[0, 0, 1, ::2] = slopes[1, 0, ::2, 1] = -0.5, 0.5
    gradient = g.node("Conv", padded, g.constant(slopes))
    across, down = (
        g.node("Slice", gradient, g.integers(i), g.integers(i + 1), g.integers(1)) for i in range(2)
    )
    difference = g.node("Sub", _square(g, across), _square(g, down))
    product = g.node("Mul", g.number(2), g.node("Mul", across, down))
    return g.node("Concat", difference, product, axis=1)


def _tangents(g: GraphBuilder, light: str) -> str:
    tensor = _doubled_angle(g, pooled(g, light, 2))
    near = box(g, box(g, tensor, NEAR_REACH), NEAR_REACH)
    far = pooled(g, tensor, FAR)
    for _ in range(3):
        far = box(g, far, FAR_REACH)
    far = g.node("Mul", g.number(FAR_COUNTS), g.resize(far, g.node("Shape", near, start=2), "linear"))
    plain = PLAIN_SLOPE**2 * np.array([math.cos(2 * PLAIN_TURN), math.sin(2 * PLAIN_TURN)], dtype=np.float32)
    found = g.node("Sub", g.node("Add", near, far), g.constant(plain.reshape(1, 2, 1, 1)))
    return g.resize(g.node("Neg", found), g.node("Shape", light, start=2), "linear")


def _weights(g: GraphBuilder, tangents: str) -> str:
    unit = g.node("Div", tangents, _length(g, tangents))
    near = g.node("Conv", unit, g.constant(compass()[:, :, None, None]))
    weights = g.node("Relu", g.node("Sub", near, g.number(math.cos(2 * math.pi / DIRECTIONS))))
    return g.node("Div", weights, _length(g, weights))


def _length(g: GraphBuilder, x: str) -> str:
    return g.node("Add", g.node("Sqrt", g.node("ReduceSum", _square(g, x), g.integers(1))), g.number(1e-12))


def _along(g: GraphBuilder, tile: str, weights: str) -> str:
    """The noise of every direction where it counts."""
    return g.node("ReduceSum", g.node("Mul", weights, _covered(g, tile, weights)), g.integers(1))


def _covered(g: GraphBuilder, tile: str, like: str) -> str:
    """A tile laid side by side over the height and width of ``like``."""
    size = g.node("Shape", like, start=2)
    times = g.node("Div", g.node("Add", size, g.integers(NOISE_SIDE - 1)), g.integers(NOISE_SIDE))
    laid = g.node("Tile", tile, g.node("Concat", g.integers(1, 1), times, axis=0))
    return g.node("Slice", laid, g.integers(0, 0), size, g.integers(2, 3))


def _light(g: GraphBuilder, x: str) -> str:
    return g.node("ReduceMean", x, g.integers(1))


def _square(g: GraphBuilder, x: str) -> str:
    return g.node("Mul", x, x)
