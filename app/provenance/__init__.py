"""Marks of results (signed manifests, XMP) and of uploads: where a file comes from, and what it permits."""
