"""Builds the stylizer as an OpenVINO graph: one photo of any size, phi as inputs.

The same network as ``model.image.network.stylizer``, written down for another runtime; a test compares the
two. With ``eight_bit`` the convolutions of the residual blocks, three quarters of the work, take 8-bit inputs
and weights:

- weights are scaled by their largest value in each output channel;
- the input of each convolution is scaled by its own largest value, which the graph measures, so that nothing
  is ever cut off. Every one of these convolutions is followed by an instance normalisation, which takes the
  scale out again.

One scale for a whole map is fine for photos and coarse where a map is flat but for a few peaks: line
drawings, a logo on white. So the graph also returns the largest value of every map that it scaled, and who
runs it compares them with what the normalisation leads to expect (``openvino_renderer``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from model.image.network.fused_upsample import blur, doubling
from model.image.network.instance_norm import EPSILON
from model.image.network.stylizer import Stylizer
from model.image.rendering.openvino_runtime import openvino

Array = NDArray[np.float32]

# Scaled maps have a deviation of about a tenth: the same share of it as EPSILON is of maps not scaled.
_EPSILON_SCALED = 1e-7


def build(stylizer: Stylizer, *, eight_bit: bool) -> Any:
    """An ``openvino.Model``.

    Inputs: ``photo`` (1, H, W, 3) in 0..1 with H and W multiples of 4, and phi as ``openvino_renderer``
    prepares it. Outputs: the picture, likewise, and with ``eight_bit`` the peaks (2 * blocks,).
    """
    return _Builder(stylizer, eight_bit).build()


class _Builder:
    def __init__(self, stylizer: Stylizer, eight_bit: bool) -> None:
        self.ov = openvino()
        self.op: Any = self.ov.opset13
        self.config, self.eight_bit = stylizer.config, eight_bit
        self.weights = {k: v.detach().float().cpu().numpy() for k, v in stylizer.state_dict().items()}
        self.inputs: list[Any] = []
        self.peaks: list[Any] = []

    def build(self) -> Any:
        op, c = self.op, self.config
        photo = self._input("photo", [1, -1, -1, 3])
        x = op.subtract(photo, self._number(0.5))
        x = op.space_to_depth(op.transpose(x, self._ints(0, 3, 1, 2)), "depth_first", 2)
        x = op.relu(self._norm(self._conv(x, "down1"), "down1", c.half))  # (1, half, H/2, W/2)
        x = op.relu(self._norm(self._conv(x, "down2", stride=2), "down2", c.width))  # (1, width, H/4, W/4)
        for i in range(c.blocks):
            x = self._block(x, i)
        x = op.relu(self._norm(self._enlarged(x, "up1"), "up1", c.up_half))
        x = op.relu(self._norm(self._enlarged(x, "up2"), "up2", c.up_full))
        x = self._conv(x, "out", kernel=self._input("out.weight", [3, c.up_full, 3, 3]))
        x = op.add(x, op.reshape(self._input("out.bias", [1, 3]), self._ints(0, 0, 1, 1), True))
        x = op.transpose(op.sigmoid(x), self._ints(0, 2, 3, 1))
        results = [op.result(x)]
        if self.eight_bit:
            results.append(op.result(self._peaks()))
        return self.ov.Model(results, self.inputs, "stylizer")

    def _block(self, x: Any, i: int) -> Any:
        op, width, rank = self.op, self.config.width, self.config.rank
        epsilon = _EPSILON_SCALED if self.eight_bit else EPSILON
        first = self._conv(x, f"blocks.{i}.0", signed=i > 0, scale=self._scale(x, signed=i > 0))
        y = op.relu(self._norm(first, f"block{i}.conv1", width, epsilon))
        scale = self._scale(y, signed=False)
        down: Any = self._input(f"block{i}.down", [1, rank, width])
        up = self._input(f"block{i}.up", [1, width, rank])
        if scale is not None:  # the low-rank branch is added before the normalisation: it is scaled as well
            down = op.multiply(down, op.reshape(scale, self._ints(1, 1, 1), False))
        low = self._mix(self._mix(y, down, width, rank), up, rank, width)
        z = op.add(self._conv(y, f"blocks.{i}.1", scale=scale), low)
        return op.add(x, self._norm(z, f"block{i}.conv2", width, epsilon))

    def _scale(self, x: Any, *, signed: bool) -> Any | None:
        """One over the largest value of a map, (1, 1, 1, 1); None without ``eight_bit``."""
        if not self.eight_bit:
            return None
        op, axes = self.op, self._ints(1, 2, 3)
        peak = op.reduce_max(x, axes, True)
        if signed:
            peak = op.maximum(peak, op.negative(op.reduce_min(x, axes, True)))
        self.peaks.append(op.reshape(peak, self._ints(1), False))
        return op.divide(self._number(1.0), op.maximum(peak, self._number(1e-6)))

    def _peaks(self) -> Any:
        """All peaks (N,), through a convolution with the identity: without one between a result and the
        maps, the runtime keeps every map that the result depends on in float32.
        """
        op, count = self.op, len(self.peaks)
        row = op.reshape(op.concat(self.peaks, 0), self._ints(1, count, 1, 1), False)
        return op.reshape(self._same(row, count), self._ints(count), False)

    def _conv(
        self,
        x: Any,
        name: str,
        *,
        stride: int = 1,
        kernel: Any | None = None,
        scale: Any | None = None,
        signed: bool = False,
    ) -> Any:
        """A convolution with a border by reflection, without its bias, which a normalisation takes out.

        With ``scale`` both sides are 8 bits wide.
        """
        op = self.op
        weight = self.weights[f"{name}.weight"]
        kernel = op.constant(weight) if kernel is None else kernel
        if scale is not None:
            x = op.multiply(x, scale)
            low = -128 / 127 if signed else 0.0
            x = self._rounded(x, np.float32(low), np.float32(1.0), 256)
            most = np.abs(weight).max(axis=(1, 2, 3), keepdims=True).clip(1e-12)
            kernel = self._rounded(kernel, -most, most, 255)
        x = op.pad(x, self._ints(0, 0, 1, 1), self._ints(0, 0, 1, 1), "reflect")
        return self._convolve(x, kernel, stride)

    def _rounded(self, x: Any, low: Any, high: Any, levels: int) -> Any:
        ends = [self.op.constant(np.asarray(end, np.float32)) for end in (low, high)]
        return self.op.fake_quantize(x, *ends, *ends, levels)

    def _norm(self, x: Any, layer: str, channels: int, epsilon: float = EPSILON) -> Any:
        op = self.op
        x = op.mvn(x, self._ints(2, 3), True, epsilon, "inside_sqrt")
        return op.add(
            op.multiply(x, self._channels(f"{layer}.gamma", channels)),
            self._channels(f"{layer}.beta", channels),
        )

    def _channels(self, name: str, channels: int) -> Any:
        """An input (1, C) as (1, C, 1, 1), through a convolution with the identity.

        It changes nothing but the memory format in which the runtime keeps the vector, and with it that of
        the maps: with sizes unknown it would turn every map around before and after it is modulated.
        """
        op = self.op
        vector = op.reshape(self._input(name, [1, channels]), self._ints(0, 0, 1, 1), True)
        return self._same(vector, channels)

    def _same(self, x: Any, channels: int) -> Any:
        identity = self.op.constant(np.eye(channels, dtype=np.float32)[:, :, None, None])
        return self._convolve(x, identity)

    def _convolve(self, x: Any, kernel: Any, stride: int = 1) -> Any:
        return self.op.convolution(x, kernel, [stride, stride], [0, 0], [0, 0], [1, 1])

    def _mix(self, x: Any, weight: Any, inputs: int, outputs: int) -> Any:
        """A 1x1 convolution with weights (1, D, C) that are an input."""
        kernel = self.op.reshape(weight, self._ints(outputs, inputs, 1, 1), False)
        return self._convolve(x, kernel)

    def _enlarged(self, x: Any, name: str) -> Any:
        """``_conv`` of ``_upsample`` in the order of ``model.image.network.fused_upsample``.

        At the border, where the reflected pixel is no doubled one, strips are computed as they are written.
        """
        op = self.op
        weight = torch.from_numpy(self.weights[f"{name}.weight"])
        padded = op.pad(x, self._ints(0, 0, 1, 1), self._ints(0, 0, 1, 1), "edge")
        doubled = op.convolution_backprop_data(
            padded,
            op.constant(doubling(weight).numpy()),
            strides=[2, 2],
            pads_begin=[3, 3],
            pads_end=[3, 3],
            dilations=[1, 1],
        )
        kernels = op.constant(blur(len(weight)).unsqueeze(1).numpy())
        inner = op.group_convolution(doubled, kernels, [1, 1], [0, 0], [0, 0], [1, 1])
        for axis in (3, 2):
            first, last = self._edges(x, name, axis)
            if axis == 3:  # without the corners, which the rows hold
                first, last = (self._part(edge, 2, 1, -1) for edge in (first, last))
            inner = op.concat([first, inner, last], axis)
        return inner

    def _edges(self, x: Any, name: str, axis: int) -> tuple[Any, Any]:
        """The first and the last row (axis 2) or column (axis 3) of the enlarged convolution."""
        ends = [self._part(x, axis, 0, 2), self._part(x, axis, -2, None)]
        strips = self._conv(self._upsample(self.op.concat(ends, 0)), name)
        first, last = self._part(strips, 0, 0, 1), self._part(strips, 0, 1, 2)
        return self._part(first, axis, 0, 1), self._part(last, axis, -1, None)

    def _part(self, x: Any, axis: int, start: int, stop: int | None) -> Any:
        end = np.iinfo(np.int64).max if stop is None else stop
        return self.op.slice(x, self._ints(start), self._ints(end), self._ints(1), self._ints(axis))

    def _upsample(self, x: Any) -> Any:
        twice = self.op.constant(np.array([2.0, 2.0], np.float32))
        return self.op.interpolate(
            x,
            twice,
            "linear_onnx",
            "scales",
            coordinate_transformation_mode="half_pixel",
            axes=self._ints(2, 3),
        )

    def _input(self, name: str, shape: list[int], kind: Any = None) -> Any:
        node = self.op.parameter(self.ov.PartialShape(shape), kind or self.ov.Type.f32, name=name)
        node.output(0).set_names({name})
        self.inputs.append(node)
        return node

    def _ints(self, *values: int) -> Any:
        return self.op.constant(np.array(values, np.int64))

    def _number(self, value: float) -> Any:
        return self.op.constant(np.float32(value))
