"""Figures of results that a judge's eye can be compared with, each a small function of pictures."""
