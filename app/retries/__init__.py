"""Retries: a new job in place of one that failed, expired or was canceled."""
