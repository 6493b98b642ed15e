"""An invisible watermark in pictures: which service made one, and which of its results it is."""

COMMAND_LINE = 0
"""In place of the number of a service. Here, since the API imports no numpy."""
