"""HTTP plumbing that knows no domain: forms, limits, errors, negotiation, middleware."""
