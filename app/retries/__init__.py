"""Trying a job again that failed, expired or was canceled."""
