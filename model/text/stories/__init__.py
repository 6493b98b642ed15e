"""English stories: a small language model, frozen, with a low-rank phi."""
