# Written by scripts/unasync.py from _async/__init__.py: change that file.
"""The client that blocks, for scripts and threads."""
