"""An invisible watermark in pictures: which service made one, and which of its results it is."""
