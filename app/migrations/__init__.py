"""Migrations of the schema (Alembic)."""

from pathlib import Path

HEAD = max(path.name[:4] for path in (Path(__file__).parent / "versions").glob("[0-9]*_*.py"))
"""The newest revision; a database that has it needs no migration. Files are named by their revision."""
