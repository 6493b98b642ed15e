"""Submission: from a form to a durable job."""
