"""The presets: what each was learned from, and where its file lies.

``catalogue.json`` names the works; ``python -m scripts.presets`` learns the files from them, with the
packaged checkpoint. A preset's id does not change when it is learned again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "files"
"""Where the packaged files are, ``<slug>.safetensors`` each."""
_CATALOGUE = Path(__file__).with_name("catalogue.json")
_LETTERS = 26  # of an id, after its prefix


@dataclass(frozen=True)
class Work:
    """A picture that a preset was learned from."""

    title: str
    file: str  # below the folder of works, or below the repository where it begins with `demo/`


@dataclass(frozen=True)
class Preset:
    """A style that comes with the service."""

    slug: str  # lower-case letters and digits
    name: str
    artist: str
    lived: str  # years of birth and death
    licence: str  # of the works
    source: str  # where the reproductions come from
    works: tuple[Work, ...]

    @property
    def style_id(self) -> str:
        """The id of its style."""
        return f"sty_{self.slug.upper():0>{_LETTERS}}"

    @property
    def description(self) -> str:
        """Artist and works, for people."""
        return f"{self.artist} ({self.lived}): {'; '.join(work.title for work in self.works)}"

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "Preset":
        """From its entry in the catalogue."""
        works = tuple(Work(**work) for work in entry["works"])
        return cls(**{**entry, "works": works})


@cache
def presets() -> dict[str, Preset]:
    """All presets by the id of their style, in the order in which they are shown."""
    entries = json.loads(_CATALOGUE.read_text(encoding="utf-8"))
    return {preset.style_id: preset for preset in map(Preset.of, entries)}


@cache
def _ids() -> dict[str, str]:
    return {preset.slug: style_id for style_id, preset in presets().items()}


def style_id_of(name: str) -> str:
    """The style that somebody means: a preset by its short name, such as ``hokusai``; any other by its id."""
    return _ids().get(name, name)
