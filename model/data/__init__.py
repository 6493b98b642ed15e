"""Style and photo folders, and their split."""
