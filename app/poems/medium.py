"""Chinese poems as a medium: texts in, poems out."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from app.medium import Medium, Resource
from app.poems.schemas import PoemOptions, PoemOut
from app.styles.tensors import check_phi
from model.formats import default_checkpoint
from model.text.poems.limits import DEFAULT_STEPS, MAX_STEPS, MEDIA_TYPES

NAME = "poems"
_SUFFIXES = (".txt", ".md")
_STEP = 2.0  # renderings that an inner step takes as long as: about 0.4 s on two cores


def claims(head: bytes, name: str) -> bool:
    """Texts, by their names: what is called so and is none is refused with a sentence about texts."""
    return name.lower().endswith(_SUFFIXES)


def cost(options: Mapping[str, Any]) -> float:
    """Of a request: a poem takes one to three seconds."""
    return float(options["count"]) * 10.0


POEMS = Medium(
    name=NAME,
    works="UTF-8 text (.txt, .md)",
    sample="poems.txt",
    claims=claims,
    reader="app.poems.reader:read_verse",
    checkpoint=lambda settings: settings.poems_checkpoint or default_checkpoint(NAME),
    check_style=partial(check_phi, examples={"examples": "U8"}, about=("kind", "simplified", "description")),
    max_steps=MAX_STEPS,
    cost=lambda steps, examples: examples + _STEP * (DEFAULT_STEPS if steps is None else steps),
    resource=Resource(
        path="poems",
        noun="poem",
        prefix="poe",
        options=PoemOptions,
        out=PoemOut,
        forms=MEDIA_TYPES,
        cost=cost,
        about="Name a style learned from Chinese poems that is ready, or several with weights to blend them, "
        "and the form: the number of lines and characters is kept, and in regulated verse the tones and the "
        "rhyme of the book Pingshui. Every result comes with a report on how original it is.",
    ),
)
