"""Perceptual network and the distances on its features."""
