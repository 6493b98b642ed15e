"""Names the precisions of exported weights; importable without NumPy."""

from enum import StrEnum

EXPORT_VERSION = 2  # goes up when the same style and precision give another file


class Precision(StrEnum):
    """How a file keeps its convolutions. All of them take, compute and give float32."""

    FP32 = "fp32"
    FP16 = "fp16"  # half the size
    INT8 = "int8"  # less than a third: 8 bits with a scale for each output channel
