"""The service: HTTP, ledger, queue, worker and command line."""
