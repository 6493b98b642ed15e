"""Styles: adapted from examples, imported, exported, listed and deleted."""
