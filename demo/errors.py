"""The demo's one error."""


class DemoError(Exception):
    """The demo cannot go on; the text says what is wrong and what to do."""
