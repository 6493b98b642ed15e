"""Reading and writing pictures and clips: sniffing, sandboxed decoding, normalisation, encoding."""
