"""The service as tools of a model (Model Context Protocol): a thin client of its own calls."""
