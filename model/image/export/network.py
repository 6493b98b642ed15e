"""Writes the stylizer into an ONNX graph: weights once, and a phi that is looked up by level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from model.image.export.graph import GraphBuilder
from model.image.export.precision import Precision

EPSILON = 1e-5  # of the instance normalisation

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class Network:
    """The network's constants in a graph; a value of phi has a row for each level.

    What does not change the picture is folded: the colour map is part of the last convolution, and biases
    before a normalisation, which takes them off again, are left out.
    """

    graph: GraphBuilder
    blocks: int
    weights: Mapping[str, str]
    phi: Mapping[str, str]

    @classmethod
    def of(
        cls,
        g: GraphBuilder,
        blocks: int,
        network: Mapping[str, Array],
        phi: Mapping[str, Array],
        precision: Precision,
    ) -> Network:
        """Write the constants of the network and of a style.

        With 8 bits the convolutions outside the residual blocks, a tenth of the weights, have 16 all the
        same: half of the difference comes from them.
        """
        # SpaceToDepth counts (row, column, colour), pixel_unshuffle counts (colour, row, column).
        first = network["down1.weight"]
        first = first.reshape(len(first), 3, 2, 2, 3, 3).transpose(0, 2, 3, 1, 4, 5).reshape(first.shape)
        kernels = {"down1": first} | {name: network[f"{name}.weight"] for name in ("down2", "up1", "up2")}
        for i in range(blocks):
            kernels |= {f"block{i}.conv{j + 1}": network[f"blocks.{i}.{j}.weight"] for j in (0, 1)}
        outside = Precision.FP16 if precision is Precision.INT8 else precision
        weights = {
            name: g.weight(f"{name}.weight", kernel, precision if name.startswith("block") else outside)
            for name, kernel in kernels.items()
        }
        rows: dict[str, str] = {}
        for name, value in phi.items():
            if name.endswith((".down", ".up")):
                value = value[..., None, None]  # a 1x1 convolution
            if name not in ("color", "out.delta"):
                rows[name] = _row(g, name, value)
        color, offset = phi["color"][:, :, :3], phi["color"][:, :, 3]
        delta = phi.get("out.delta", np.zeros(1, dtype=np.float32))
        last = network["out.weight"] + delta  # (3, C, 3, 3), or one of each level
        mixed = color @ last.reshape(*last.shape[:-4], 3, -1)
        rows["out.weight"] = g.constant(
            mixed.reshape(len(color), *last.shape[-4:]).astype(np.float32), "out.weight"
        )
        bias = color @ network["out.bias"] + offset
        rows["out.bias"] = g.constant(bias.astype(np.float32), "out.bias")
        return cls(g, blocks, weights, rows)

    def draw(self, photo: str, level: str) -> str:
        """Nodes that draw (batch, 3, height, width) with the phi of a level, a scalar int64."""
        g = self.graph
        phi = {name: g.node("Gather", rows, level, axis=0) for name, rows in self.phi.items()}

        def norm(x: str, layer: str) -> str:
            gamma, beta = phi[f"{layer}.gamma"], phi[f"{layer}.beta"]
            return g.node("InstanceNormalization", x, gamma, beta, epsilon=EPSILON)

        def layer(x: str, name: str, stride: int = 1) -> str:
            return g.node("Relu", norm(self._conv(x, self.weights[name], stride=stride), name))

        size = g.node("Shape", photo, start=2)  # height, width
        rest = g.node("Mod", g.node("Neg", size), g.integers(4, 4))
        border = g.node("Concat", g.integers(0, 0, 0, 0, 0, 0), rest, axis=0)
        x = g.node("SpaceToDepth", g.node("Pad", photo, border, mode="reflect"), blocksize=2)
        x = layer(layer(x, "down1"), "down2", stride=2)
        for i in range(self.blocks):
            y = layer(x, f"block{i}.conv1")
            low = g.node("Conv", g.node("Conv", y, phi[f"block{i}.down"]), phi[f"block{i}.up"])
            second = f"block{i}.conv2"
            x = g.node("Add", x, norm(g.node("Add", self._conv(y, self.weights[second]), low), second))
        x = layer(self._doubled(layer(self._doubled(x), "up1")), "up2")
        x = g.node("Sigmoid", self._conv(x, phi["out.weight"], phi["out.bias"]))
        return g.node("Slice", x, g.integers(0, 0), size, g.integers(2, 3))

    def _conv(self, x: str, *weights: str, stride: int = 1) -> str:
        """A 3x3 convolution with a border by reflection."""
        padded = self.graph.node("Pad", x, self.graph.integers(0, 0, 1, 1, 0, 0, 1, 1), mode="reflect")
        return self.graph.node("Conv", padded, *weights, kernel_shape=[3, 3], strides=[stride, stride])

    def _doubled(self, x: str) -> str:
        """Twice the size, bilinearly."""
        scales = self.graph.constant(np.array([1, 1, 2, 2], dtype=np.float32))
        how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        return self.graph.node("Resize", x, "", scales, **how)


def _row(g: GraphBuilder, name: str, value: Array) -> str:
    """A style's numbers as float32, kept in half the space where they are those of fp16: files have such."""
    with np.errstate(over="ignore"):
        half = value.astype(np.float16)
    if np.array_equal(half, value):
        return g.cast(g.constant(half, name), TensorProto.FLOAT)
    return g.constant(value, name)
