"""Reads folders of pictures, makes tensors of them, and splits them into training and held-out styles."""
