"""Songs for voice and piano: read, learned from, composed, written. Nothing here knows of HTTP."""
