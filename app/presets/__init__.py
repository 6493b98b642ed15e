"""The styles that come with the service: learned from works in the public domain, for everybody to use."""
