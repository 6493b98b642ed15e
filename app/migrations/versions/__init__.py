"""The migrations, one file a version, in order."""
