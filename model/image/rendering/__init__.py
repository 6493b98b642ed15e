"""Renders photos in styles, with PyTorch, or on CPUs with OpenVINO and the same weights."""
