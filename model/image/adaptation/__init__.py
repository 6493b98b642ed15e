"""Adapts a network to a style: the support set, its learning rates, and the loop level by level."""
