"""Blind choice between two methods: sheets of pairs, a key kept apart, and counts of the verdicts."""
