"""Poems and stories: read, learned from, written. Nothing here knows of HTTP."""
