"""``fewstroke certificates``: what results are signed with."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.common import InputError, err_console, reported_errors, tell
from app.cli.service import DataDir

certificates = typer.Typer(
    name="certificates", help="Make the certificates that results are signed with.", no_args_is_help=True
)


@certificates.callback()
def _group() -> None:
    """A group even while it has one command."""


@certificates.command()
def create(
    organisation: Annotated[
        str | None,
        typer.Option(help="Who signs, as viewers show it.", show_default="Fewstroke (self-signed)"),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Make a key and its certificate, under an authority of your own that is made the first time.

    Prints the authority's certificate: who trusts it, trusts your results. Done again, it gives a new key
    under the same authority; running workers use it when they are started anew.
    """
    with reported_errors():
        from app.provenance.certificates import AUTHORITY, SELF_SIGNED, SIGNING, folder_of, make
        from app.settings import load_settings

        settings = load_settings(**({"data_dir": data_dir} if data_dir else {}))
        folder = folder_of(settings)
        name = SELF_SIGNED if organisation is None else organisation.strip()
        if not 1 <= len(name) <= 64:
            raise InputError("--organisation has 1 to 64 characters: that is what certificates hold")
        try:
            make(folder, name)
        except OSError as error:
            raise InputError(f"{folder} cannot be written: {error.strerror}") from error
        err_console().print(
            f"Results are signed with {folder / SIGNING} from the next start of a worker; give "
            f"{AUTHORITY} to those who are to trust them.",
            soft_wrap=True,
        )
        tell(str(folder / AUTHORITY))
