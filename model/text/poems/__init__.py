"""Chinese poems: a model of characters that is told the form, and writes nothing outside of it."""
