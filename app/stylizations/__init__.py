"""Stylizations: requests to render contents in a style, and their results."""
