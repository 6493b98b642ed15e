"""How long things are kept, and what takes them away."""
