"""The composition root: the FastAPI application, the services of a process, its health and its OpenAPI."""
