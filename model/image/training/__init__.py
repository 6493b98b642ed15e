"""Meta-training of the base checkpoint, level by level."""
