"""A style and its network as one ONNX file: needs NumPy and the package onnx, not torch."""

from model.export.precision import Precision
from model.export.style import export_style

__all__ = ["Precision", "export_style"]
