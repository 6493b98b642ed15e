"""Writes an ONNX graph node by node, without torch and its exporter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from model.image.export.precision import Precision

OPSET = 18
IR_VERSION = 9  # what onnxruntime 1.16 and newer, and onnxruntime-web, read

Array: TypeAlias = NDArray[Any]


class GraphBuilder:
    """Nodes and constants, added in order; every method returns the name of its result."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._count = 0

    def constant(self, value: Array, name: str | None = None) -> str:
        """A constant; one without a name of its own is shared with its equals."""
        tensor = np.ascontiguousarray(value).reshape(np.shape(value))  # a scalar stays one
        name = name or f"const_{tensor.dtype}_{tensor.shape}_{tensor.tobytes().hex()}"
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(tensor, name)
        return name

    def integers(self, *values: int) -> str:
        """An int64 vector."""
        return self.constant(np.array(values, dtype=np.int64))

    def whole(self, value: int) -> str:
        """An int64 scalar."""
        return self.constant(np.array(value, dtype=np.int64))

    def number(self, value: float) -> str:
        """A float32 scalar."""
        return self.constant(np.array(value, dtype=np.float32))

    def option(self, name: str, default: float) -> str:
        """An input that may be left out: a float32 scalar."""
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, []))
        return self.constant(np.array(default, dtype=np.float32), name)

    def node(self, op: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """One node with one output."""
        return self._add(op, inputs, [output or ""], attributes)[0]

    def cast(self, x: str, to: int) -> str:
        """``to``: a type of ``TensorProto``."""
        return self.node("Cast", x, to=to)

    def weight(self, name: str, value: Array, precision: Precision) -> str:
        """The kernel of a convolution, (out, in, height, width), kept in a precision and used in float32."""
        if precision is Precision.FP16:
            return self.cast(self.constant(value.astype(np.float16), name), TensorProto.FLOAT)
        if precision is Precision.INT8:
            scale = np.maximum(np.abs(value).max((1, 2, 3)), 1e-8) / 127  # one for each output channel
            levels = np.rint(value / scale[:, None, None, None]).astype(np.int8)
            scales = self.constant(scale.astype(np.float32), f"{name}.scale")
            return self.node("DequantizeLinear", self.constant(levels, name), scales, axis=0)
        return self.constant(value.astype(np.float32), name)

    def resize(self, x: str, size: str, mode: str, **attributes: Any) -> str:
        """(batch, channels, height, width) at another size, (2,) int64; of pixels that are areas."""
        sizes = self.node("Concat", self.node("Shape", x, end=2), size, axis=0)
        how = {"mode": mode, "coordinate_transformation_mode": "half_pixel", **attributes}
        return self.node("Resize", x, "", "", sizes, **how)

    def loop(
        self, turns: str, state: Sequence[str], body: Callable[[str, Sequence[str]], Sequence[str]]
    ) -> list[str]:
        """The state after so many turns of ``body(number, state) -> state``: float32, of any shape."""
        outer, self._nodes = self._nodes, []
        number = self._name("turn")
        before = [self._name("state") for _ in state]
        after = [self.node("Identity", name) for name in body(number, before)]
        again = self.node("Identity", self.constant(np.array(True)))
        inputs = [
            helper.make_tensor_value_info(number, TensorProto.INT64, []),
            helper.make_tensor_value_info(self._name("go"), TensorProto.BOOL, []),
            *[helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in before],
        ]
        outputs = [
            helper.make_tensor_value_info(again, TensorProto.BOOL, []),
            *[helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in after],
        ]
        graph = helper.make_graph(self._nodes, "body", inputs, outputs)
        self._nodes = outer
        return self._add("Loop", [turns, "", *state], [""] * len(state), {"body": graph})

    def model(self, inputs: str, outputs: str, metadata: Mapping[str, str]) -> bytes:
        """The file: (batch, 3, height, width) in and out, of any height and width."""
        shape: list[str | int | None] = ["batch", 3, "height", "width"]
        graph = helper.make_graph(
            self._nodes,
            "fewstroke",
            [helper.make_tensor_value_info(inputs, TensorProto.FLOAT, shape), *self._inputs],
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

    def _add(
        self, op: str, inputs: Sequence[str], outputs: Sequence[str], attributes: Mapping[str, Any]
    ) -> list[str]:
        results = [output or self._name(op.lower()) for output in outputs]
        self._nodes.append(helper.make_node(op, list(inputs), results, name=self._name(op), **attributes))
        return results

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"
