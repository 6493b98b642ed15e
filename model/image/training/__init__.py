"""Meta-trains the base checkpoint, level by level."""
