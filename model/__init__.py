"""The learner and the stylizer: torch code that knows nothing of HTTP."""
