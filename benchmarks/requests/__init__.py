"""Processor time of the HTTP process for one request of each kind."""
