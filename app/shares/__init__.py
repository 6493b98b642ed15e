"""Results that their owner shows to others: a page with a link of its own, until the owner ends it."""
