"""Webhooks: what becomes of jobs, told to the owner's servers (standard-webhooks)."""
