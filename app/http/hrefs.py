"""Addresses of the service in answers and messages: with the prefix of a proxy, without scheme and host.

What is stored and what is signed is the path as the application knows it. The prefix comes when it is written
into JSON (fields of the type ``Href``) or into a header (``href``).
"""

from contextvars import ContextVar
from typing import Annotated

from pydantic import PlainSerializer

prefix: ContextVar[str] = ContextVar("prefix", default="")
"""The prefix, such as ``/fewstroke``. A worker and the API's background tasks set it when they start, since
they write messages of webhooks; ``RootPathMiddleware`` for each request."""


def href(path: str) -> str:
    """An address of the service as its clients write it."""
    return f"{prefix.get()}{path}"


Href = Annotated[str, PlainSerializer(href, return_type=str)]
