"""Idempotency keys: a request that is sent twice has its effect once."""
