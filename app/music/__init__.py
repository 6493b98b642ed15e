"""Music as a medium: which scores are taken, what can be asked of a composition, and how it is told."""
