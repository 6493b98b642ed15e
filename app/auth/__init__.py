"""Authentication: API keys, signed URLs, rate limits, and the mode without keys."""
