"""Folders of pictures, pictures as tensors, and the split into training and held-out styles."""
