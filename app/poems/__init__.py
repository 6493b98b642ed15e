"""Chinese poems as a medium: which texts are taken, what can be asked of a poem, and how it is told."""
