"""Load: many clients at once against a real ``fewstroke serve``, and what its processes need meanwhile."""
