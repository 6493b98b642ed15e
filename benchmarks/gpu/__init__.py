"""``python -m benchmarks.gpu``: what one GPU does, in a minute, with nothing of the service."""
