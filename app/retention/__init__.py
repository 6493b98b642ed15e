"""Retention: when rows and blobs expire, and the sweeper that deletes them."""
