"""Exports a style and its network as one ONNX file; needs NumPy and the package onnx, not torch."""

from model.image.export.precision import Precision
from model.image.export.style import export_style

__all__ = ["Precision", "export_style"]
