"""Usage: what an owner takes up, and how much that may be."""
