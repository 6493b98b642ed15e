"""Webhooks: messages to an owner's servers about the owner's jobs (standard-webhooks)."""
