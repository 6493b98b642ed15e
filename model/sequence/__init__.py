"""Sequences of tokens: a causal transformer steered by phi, and its training. Nothing about the tokens."""
