"""The stylizer as an ONNX graph, written node by node: torch and its exporter are not needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from model.export.precision import Precision

OPSET = 18
IR_VERSION = 9  # what onnxruntime 1.16 and newer, and onnxruntime-web, read
EPSILON = 1e-5  # of the instance normalisation

Array: TypeAlias = NDArray[Any]


class GraphBuilder:
    """Nodes and constants, added in order; every method returns the name of its result."""

    def __init__(self, precision: Precision) -> None:
        self.precision = precision
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._count = 0

    def constant(self, value: Array, name: str | None = None) -> str:
        """A constant; one without a name of its own is shared with its equals."""
        tensor = np.ascontiguousarray(value)
        name = name or f"const_{tensor.dtype}_{tensor.shape}_{tensor.tobytes().hex()[:80]}"
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(tensor, name)
        return name

    def integers(self, *values: int) -> str:
        """An int64 vector."""
        return self.constant(np.array(values, dtype=np.int64))

    def node(self, op: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """One node with one output."""
        self._count += 1
        result = output or f"{op.lower()}_{self._count}"
        self._nodes.append(helper.make_node(op, list(inputs), [result], name=f"n{self._count}", **attributes))
        return result

    def conv(self, x: str, layer: str, weight: Array, bias: Array | None = None, *, stride: int = 1) -> str:
        """A 3x3 convolution with a border by reflection; ``weight``: (out, in, 3, 3)."""
        padded = self.node("Pad", x, self.integers(0, 0, 1, 1, 0, 0, 1, 1), mode="reflect")
        inputs = [padded, self._weight(layer, weight)]
        if bias is not None:
            inputs.append(self.constant(bias.astype(np.float32), f"{layer}.bias"))
        return self.node("Conv", *inputs, kernel_shape=[3, 3], strides=[stride, stride])

    def norm(self, x: str, layer: str, phi: Mapping[str, Array]) -> str:
        """Conditional instance normalisation with the style's gamma and beta as constants."""
        gamma = self.constant(phi[f"{layer}.gamma"].astype(np.float32), f"{layer}.gamma")
        beta = self.constant(phi[f"{layer}.beta"].astype(np.float32), f"{layer}.beta")
        return self.node("InstanceNormalization", x, gamma, beta, epsilon=EPSILON)

    def enlarge(self, x: str) -> str:
        """Twice the size, bilinearly."""
        scales = self.constant(np.array([1, 1, 2, 2], dtype=np.float32))
        return self.node("Resize", x, "", scales, mode="linear", coordinate_transformation_mode="half_pixel")

    def model(self, inputs: str, outputs: str, metadata: Mapping[str, str]) -> bytes:
        """The file: (batch, 3, height, width) in and out, of any height and width."""
        shape: list[str | int | None] = ["batch", 3, "height", "width"]
        graph = helper.make_graph(
            self._nodes,
            "fewstroke",
            [helper.make_tensor_value_info(inputs, TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(outputs, TensorProto.FLOAT, shape)],
            list(self._constants.values()),
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="fewstroke",
        )
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())

    def _weight(self, layer: str, weight: Array) -> str:
        name = f"{layer}.weight"
        if self.precision is Precision.FP16:
            return self.node("Cast", self.constant(weight.astype(np.float16), name), to=TensorProto.FLOAT)
        if self.precision is Precision.INT8:
            scale = np.maximum(np.abs(weight).max((1, 2, 3)), 1e-8) / 127  # one for each output channel
            levels = np.rint(weight / scale[:, None, None, None]).astype(np.int8)
            return self.node(
                "DequantizeLinear",
                self.constant(levels, name),
                self.constant(scale.astype(np.float32), f"{layer}.scale"),
                axis=0,
            )
        return self.constant(weight.astype(np.float32), name)
