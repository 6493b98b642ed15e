"""Infrastructure: database, blobs, broker, logs, processes."""
