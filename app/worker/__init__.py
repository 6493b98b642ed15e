"""The worker: one process, one model in memory, one batch of jobs at a time."""
