"""A page on which people judge pairs of results, and the file of their votes."""
