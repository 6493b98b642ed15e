"""Batches: a ZIP of photos in, a ZIP of pictures out, drawn while nobody waits for anything else."""
