"""Images: uploads and results, their rows and their bytes."""
