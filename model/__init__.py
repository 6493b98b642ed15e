"""The learner and the stylizer: code on torch that knows nothing of HTTP."""
