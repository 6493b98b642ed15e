"""Benchmarks: quality against other methods, speed, memory. Run from the repository root."""
