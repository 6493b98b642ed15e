"""Files: uploads and results that are no pictures, their rows and their bytes."""
