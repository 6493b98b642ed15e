"""What a picture tells of where it comes from."""
