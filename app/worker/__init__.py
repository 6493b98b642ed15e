"""The worker: one process, one model in memory, one job at a time."""
