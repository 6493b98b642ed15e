"""ASGI middleware: access log, HEAD, request ids, security headers."""
