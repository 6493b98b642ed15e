"""The studio: a page that uses the API, built from ``web/`` and served as static files."""
