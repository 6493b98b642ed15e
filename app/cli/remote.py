"""What commands have in common that speak to a running service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.common import InputError

if TYPE_CHECKING:
    import httpx

Address = Annotated[str, typer.Option(envvar="FEWSTROKE_URL", help="Where the service runs.")]
Key = Annotated[
    str | None,
    typer.Option(
        envvar="FEWSTROKE_KEY",
        help="A key of the service; none while it asks for none.",
        show_default=False,
    ),
]
USUAL_ADDRESS = "http://127.0.0.1:8000"
_LONGEST = 600.0  # s for a large upload, or an answer that takes its time


@contextmanager
def service_at(address: str, key: str | None) -> Iterator[httpx.Client]:
    """A client of the service. Raises InputError when nobody answers."""
    import httpx

    from app.mcp.api_client import no_answer

    headers = {"Authorization": f"Bearer {key}"} if key else {}
    timeout = httpx.Timeout(60.0, read=_LONGEST, write=_LONGEST)
    with httpx.Client(base_url=address, headers=headers, timeout=timeout) as http:
        try:
            yield http
        except httpx.HTTPError as error:
            raise InputError(no_answer(address, error)) from error


def checked(answer: httpx.Response) -> httpx.Response:
    """Raises InputError with what the service says."""
    if answer.is_success:
        return answer
    try:
        problem = answer.json()
        said = f"{problem['detail']} ({problem['code']})"
    except (ValueError, KeyError, TypeError):
        said = f"the service answers {answer.status_code}: try again later"
    raise InputError(said)
