"""Pictures: what learns a style from a few of them and draws photos in it."""
