"""Writes the whole redraw of a photo into an ONNX graph: levels, two of the dials, enlargement.

What ``model.image.pyramid`` and ``redrawing`` and ``joint_upsampling`` of ``model.image.rendering`` do for
the service. The levels are the turns of one loop, so that the network is there once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from onnx import TensorProto

from model.formats import Surface
from model.image.brushes import PAINTED_FROM
from model.image.dials import DEFAULT_ABSTRACTION, DETAIL_TAKEN, MOST_STRENGTH, SHAPES_FROM, STRUCTURE_UNTIL
from model.image.export.graph import GraphBuilder
from model.image.export.network import Network
from model.image.export.resampling import between, box, enlarged, pooled, rounded, shrunk
from model.image.export.strokes import Brush, flattened, printed
from model.image.pyramid import (
    DARK,
    EVEN,
    EVEN_BLOCK,
    EVEN_REACH,
    LEAST_SIDE,
    MOST_LIFT,
    REVISED,
    REVISED_FROM,
    SIDES,
    SPARE,
    STRUCTURE,
)

STRENGTH, ABSTRACTION = "strength", "abstraction"
FLAT = 0.01  # variance of light below which a photo has no detail, as in ``rendering.joint_upsampling``


def redraw(g: GraphBuilder, network: Network, surface: Surface, photo: str, output: str) -> None:
    """Nodes from ``photo`` to ``output``, with the dials as inputs that may be left out.

    ``surface``: of the style, ``StyleHeader.surface``.
    """
    strength = g.node("Clip", g.option(STRENGTH, 1.0), g.number(0), g.number(MOST_STRENGTH))
    abstraction = g.node("Clip", g.option(ABSTRACTION, DEFAULT_ABSTRACTION), g.number(0), g.number(1))
    plan, dials = _Plan.of(g, photo), _Dials.of(g, strength, abstraction)
    sheet = shrunk(g, photo, plan.final)
    flat = sheet
    if surface.flatness > 0:
        flat = flattened(g, sheet, g.node("Mul", dials.flatness, g.number(surface.flatness)))
    shares = g.constant(np.array([0.0, *[surface.evenness] * (len(SIDES) - 1)], dtype=np.float32))  # by level
    brush = Brush.of(g, surface)

    def turn(number: str, state: Sequence[str]) -> Sequence[str]:
        """Draw a level, or draw it again: then what it draws on is its own render."""
        before, render = state
        level, again = g.node("Div", number, dials.passes), g.node("Mod", number, dials.passes)
        small = shrunk(g, flat, plan.size_of(g, level))
        size = g.node("Shape", small, start=2)
        lift = _relative_contrast(g, before, render)
        lost = _lost_light(g, before, render, lift)
        lost = g.node("Mul", g.node("Gather", dials.structure, again), lost)
        band = g.node("Sub", small, g.resize(before, size, "linear"))
        band = g.node("Mul", g.resize(lift, size, "linear"), band)
        detail = g.node("Mul", g.node("Gather", dials.detail, level), band)
        x = g.node("Add", g.resize(g.node("Add", render, lost), size, "linear"), detail)
        x = g.node("Clip", x, g.number(0), g.number(1))
        if surface.evenness > 0:
            x = _evened(g, x, small, g.node("Gather", shares, level), size)
        if brush is not None:
            x = brush.painted(g, x, small, level, again)
        drawn = _revised(g, x, network.draw(x, level), level, size)
        drawn = between(g, x, drawn, g.node("Gather", dials.weights, again))
        done = g.node("Equal", g.node("Add", again, g.whole(1)), dials.passes)
        if surface.flat_colors > 0:
            by_level = [surface.flat_colors * (level >= PAINTED_FROM) for level in range(len(SIDES))]
            evenly = g.node("Gather", g.constant(np.array(by_level, dtype=np.float32)), level)
            evenly = g.node("Mul", evenly, g.cast(done, TensorProto.FLOAT))
            drawn = printed(g, drawn, g.node("Mul", dials.flatness, evenly), surface.linework)
        share = g.node("Where", done, g.node("Gather", dials.share, level), g.number(1))
        return small, between(g, small, drawn, share)

    first = shrunk(g, flat, plan.size_of(g, g.whole(0)))
    turns = g.node("Mul", g.node("Add", plan.last, g.whole(1)), dials.passes)
    _, render = g.loop(turns, [first, first], turn)
    picture = _with_detail(g, render, sheet, photo)
    kept = g.node("Equal", strength, g.number(0))
    g.node("Where", kept, photo, picture, output=output)


@dataclass(frozen=True)
class _Plan:
    """``model.image.pyramid.plan`` for strokes of size 1: (2,) int64 are height and width."""

    sizes: str  # (levels, 2): of a level that is not the last
    last: str  # scalar int64: the level that draws last
    final: str  # (2,): its size

    @classmethod
    def of(cls, g: GraphBuilder, photo: str) -> _Plan:
        size = g.node("Shape", photo, start=2)
        longest = g.node("ReduceMax", size, keepdims=1)
        # In double precision, so that halves are rounded as Python rounds them.
        sides = g.constant(np.array(SIDES, dtype=np.float64)[:, None])
        scale = g.node("Div", sides, g.cast(longest, TensorProto.DOUBLE))
        fours = g.node("Mul", g.cast(size, TensorProto.DOUBLE), scale)
        fours = g.node("Round", g.node("Div", fours, g.constant(np.array(4.0))))
        sizes = g.node("Mul", g.cast(fours, TensorProto.INT64), g.integers(4))
        sizes = g.node("Max", sizes, g.integers(LEAST_SIDE))
        whole = g.node("LessOrEqual", longest, g.integers(int(SPARE * SIDES[-1])))
        final = g.node("Where", whole, size, g.node("Gather", sizes, g.whole(len(SIDES) - 1)))
        # From the geometric mean of two sides on, a photo is more like the larger one.
        bounds = g.integers(*(math.isqrt(a * b) for a, b in pairwise(SIDES)))
        larger = g.cast(g.node("Greater", longest, bounds), TensorProto.INT64)
        return cls(sizes, g.node("ReduceSum", larger, keepdims=0), final)

    def size_of(self, g: GraphBuilder, level: str) -> str:
        """Of a level that is drawn."""
        is_last = g.node("Equal", level, self.last)
        return g.node("Where", is_last, self.final, g.node("Gather", self.sizes, level))


@dataclass(frozen=True)
class _Dials:
    """``model.image.dials.Dials`` by level, or for a level drawn first and again."""

    detail: str  # (levels,)
    share: str  # (levels,)
    structure: str  # (2,)
    flatness: str  # scalar
    weights: str  # (2,): of what is drawn
    passes: str  # scalar int64: 1 or 2

    @classmethod
    def of(cls, g: GraphBuilder, strength: str, abstraction: str) -> _Dials:
        one = g.number(1)
        taken = g.node("Mul", abstraction, g.constant(np.array(DETAIL_TAKEN, dtype=np.float32)))
        shapes = g.node("Min", one, g.node("Div", abstraction, g.number(SHAPES_FROM)))
        fine = g.constant(np.ones(len(SIDES) - 1, dtype=np.float32))
        shares = g.node("Concat", g.node("Unsqueeze", shapes, g.integers(0)), fine, axis=0)
        beyond = g.node("Mul", g.node("Sub", strength, one), g.number(2))
        again = g.node("Unsqueeze", g.node("Clip", beyond, g.number(0), one), g.integers(0))
        structure = g.node("Sub", one, g.node("Div", abstraction, g.number(STRUCTURE_UNTIL)))
        structure = g.node("Unsqueeze", g.node("Max", g.number(0), structure), g.integers(0))
        more = g.cast(g.node("Greater", strength, one), TensorProto.INT64)
        return cls(
            detail=g.node("Sub", one, taken),
            share=g.node("Mul", g.node("Min", one, strength), shares),
            flatness=g.node(
                "Mul",
                g.node("Min", one, strength),
                g.node("Min", one, g.node("Div", abstraction, g.number(DEFAULT_ABSTRACTION))),
            ),
            structure=g.node("Concat", structure, g.constant(np.zeros(1, dtype=np.float32)), axis=0),
            weights=g.node("Concat", g.constant(np.ones(1, dtype=np.float32)), again, axis=0),
            passes=g.node("Add", more, g.whole(1)),
        )


def _relative_contrast(g: GraphBuilder, photo: str, render: str) -> str:
    """``model.image.rendering.redrawing.relative_contrast``."""

    def broad_light(x: str) -> str:
        light = g.node("ReduceMean", x, g.integers(1))
        small = pooled(g, light, STRUCTURE)
        return g.node("Add", box(g, small, 1), g.number(DARK))

    ratio = g.node("Div", broad_light(render), broad_light(photo))
    ratio = g.node("Clip", ratio, g.number(1), g.number(MOST_LIFT))
    return g.resize(ratio, g.node("Shape", photo, start=2), "linear")


def _lost_light(g: GraphBuilder, photo: str, render: str, lift: str) -> str:
    """``model.image.rendering.redrawing.lost_light``."""

    def octaves(x: str) -> tuple[str, str]:
        light = g.node("ReduceMean", x, g.integers(1))
        size = g.node("Shape", light, start=2)
        half, eighth = (g.resize(pooled(g, light, side), size, "linear") for side in (2, STRUCTURE))
        return g.node("Sub", light, half), g.node("Sub", half, eighth)

    def power(x: str) -> str:
        return g.node("ReduceMean", g.node("Mul", x, x), g.integers(2, 3))

    (fine, broad), (own_fine, own_broad) = octaves(photo), octaves(render)
    gain = g.node("Sqrt", g.node("Div", power(own_broad), g.node("Add", power(broad), g.number(1e-8))))
    broad = g.node("Mul", g.node("Min", gain, g.number(1)), broad)
    lifted = g.node("Mul", lift, g.node("Add", fine, broad))
    return g.node("Sub", lifted, g.node("Add", own_fine, own_broad))


def _evened(g: GraphBuilder, x: str, photo: str, share: str, size: str) -> str:
    """``model.image.rendering.redrawing.evened``."""

    def blocks(name: str) -> str:
        return pooled(g, name, EVEN_BLOCK)

    def square(name: str) -> str:
        return g.node("Mul", name, name)

    variance = g.node("Sub", box(g, blocks(square(photo)), 1), square(box(g, blocks(photo), 1)))
    variance = g.node("Max", g.node("ReduceMean", variance, g.integers(1)), g.number(0))
    even = square(g.node("Div", g.number(EVEN**2), g.node("Add", variance, g.number(EVEN**2))))
    guide, own = g.node("ReduceMean", blocks(photo), g.integers(1)), blocks(x)
    of_guide, of_x = box(g, guide, EVEN_REACH), box(g, own, EVEN_REACH)
    both = g.node("Sub", box(g, g.node("Mul", guide, own), EVEN_REACH), g.node("Mul", of_guide, of_x))
    spread = g.node("Sub", box(g, square(guide), EVEN_REACH), square(of_guide))
    slope = g.node("Div", both, g.node("Add", g.node("Max", spread, g.number(0)), g.number(EVEN**2)))
    offset = box(g, g.node("Sub", of_x, g.node("Mul", slope, of_guide)), EVEN_REACH)
    filtered = g.node("Add", g.node("Mul", box(g, slope, EVEN_REACH), guide), offset)
    share = g.node("Mul", g.resize(even, size, "linear"), share)
    return between(g, x, g.resize(filtered, size, "linear"), share)


def _revised(g: GraphBuilder, x: str, render: str, level: str, size: str) -> str:
    """``model.image.rendering.redrawing.revised``."""
    kept = g.constant(np.array([level >= REVISED_FROM for level in range(len(SIDES))], dtype=np.float32))
    large = pooled(g, g.node("Sub", x, render), REVISED)
    large = g.node("Mul", g.node("Gather", kept, level), g.resize(large, size, "linear"))
    return g.node("Clip", g.node("Add", render, large), g.number(0), g.number(1))


def _with_detail(g: GraphBuilder, render: str, small: str, photo: str) -> str:
    """The render of a ``small`` photo at the size of the ``photo``, as ``joint_upsampling.enlarge``."""
    of_light = g.constant(np.array([0.299, 0.587, 0.114], dtype=np.float32).reshape(1, 3, 1, 1))
    coarse = g.node("Conv", small, of_light)
    light, own = rounded(g, coarse), rounded(g, g.node("Conv", photo, of_light))
    render = rounded(g, render)
    mean_x, mean_y = box(g, light, 1), box(g, render, 1)
    variance = g.node("Sub", box(g, g.node("Mul", light, light), 1), g.node("Mul", mean_x, mean_x))
    variance = g.node("Add", g.node("Max", variance, g.number(0)), g.number(FLAT))
    covariance = g.node("Sub", box(g, g.node("Mul", light, render), 1), g.node("Mul", mean_x, mean_y))
    gains = box(g, g.node("Div", covariance, variance), 1)
    size = g.node("Shape", photo, start=2)
    detail = g.node("Mul", g.resize(gains, size, "linear"), g.node("Sub", own, enlarged(g, coarse, size)))
    picture = g.node("Add", enlarged(g, render, size), detail)
    return g.node("Clip", picture, g.number(0), g.number(1))
