"""The inner loop on pictures: what it learns from, its rates, and the loop level by level."""
