"""Whose examples are, as the command line was told: written into the style's file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import typer

from app.styles.header import LICENCE, RIGHTS


@dataclass(frozen=True)
class Rights:
    """``rights``: whose they are; ``licence``: under which they may be learned from. "": not said."""

    rights: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        """Raises typer.BadParameter."""
        for option, text, most in (("--rights", self.rights, RIGHTS), ("--licence", self.licence, LICENCE)):
            if len(text) > most or not text.isprintable():
                raise typer.BadParameter(f"at most {most} printable characters", param_hint=f"'{option}'")

    def written_in(self, style: Any) -> Any:
        """A style whose header says it."""
        said = replace(style.header, rights=self.rights, examples_licence=self.licence)
        return replace(style, header=said)


NO_RIGHTS = Rights()
