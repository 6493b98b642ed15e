"""What the service answers about poems and stories."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fewstroke_client._models import Job, ResultFile, StyleShare


@dataclass(frozen=True, slots=True)
class SharedText:
    """What a text shares with known ones: the ``longest`` run, in characters of poems and words of stories,
    and the ``share`` of its short runs."""

    longest: int
    share: float


@dataclass(frozen=True, slots=True)
class PoemOriginality:
    """How original a poem is; ``nearest``: poet and passage of the longest run, ``human``: what poems of
    different poets share."""

    examples: SharedText
    training: SharedText
    nearest: dict[str, str] | None
    human: dict[str, float]


@dataclass(frozen=True, slots=True)
class StoryOriginality:
    """How original a story is; ``nearest``: the passage of the examples around the longest run."""

    examples: SharedText
    training: SharedText
    nearest: str


@dataclass(frozen=True, slots=True)
class PoemAbout:
    """What a poem is; ``text``: with its title and marks."""

    title: str
    form: str
    text: str
    seed: int
    originality: PoemOriginality


@dataclass(frozen=True, slots=True)
class StoryAbout:
    """What a story is. ``text``: with title and opening; ``words``: written anew; ``ended``: by itself."""

    title: str
    opening: str
    text: str
    words: int
    ended: bool
    seed: int
    originality: StoryOriginality


@dataclass(frozen=True, slots=True)
class PoemPiece:
    """One poem in all its forms: ``txt``, ``md``, ``json``."""

    position: int
    about: PoemAbout
    files: list[ResultFile]


@dataclass(frozen=True, slots=True)
class StoryPiece:
    """One story in all its forms: ``txt``, ``md``, ``json``."""

    position: int
    about: StoryAbout
    files: list[ResultFile]


@dataclass(frozen=True, slots=True)
class Poem:
    """Poems in a style or a blend. ``settings``: what was asked for."""

    id: str
    style_id: str
    styles: list[StyleShare]
    settings: dict[str, Any]
    created_at: datetime
    expires_at: datetime | None
    job: Job
    items: list[PoemPiece]


@dataclass(frozen=True, slots=True)
class Story:
    """Stories in a style or a blend. ``settings``: what was asked for."""

    id: str
    style_id: str
    styles: list[StyleShare]
    settings: dict[str, Any]
    created_at: datetime
    expires_at: datetime | None
    job: Job
    items: list[StoryPiece]


@dataclass(frozen=True, slots=True)
class PoemAccepted:
    """New poems and their job."""

    poem: Poem
    job: Job


@dataclass(frozen=True, slots=True)
class StoryAccepted:
    """New stories and their job."""

    story: Story
    job: Job
