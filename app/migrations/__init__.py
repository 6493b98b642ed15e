"""Migrations of the schema (Alembic)."""

HEAD = "0001"
"""The newest revision; a database that has it needs no migration."""
