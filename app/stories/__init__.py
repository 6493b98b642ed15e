"""English stories as a medium: which texts are taken, what can be asked of a story, and how it is told."""
