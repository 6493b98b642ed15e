"""The poems in the texts that are learned from."""

from __future__ import annotations

from collections.abc import Sequence

from model.text.errors import EmptyTextError, LanguageError
from model.text.poems.limits import MAX_POEMS
from model.text.poems.poem import Poem, is_verse, read_poems
from model.text.poems.script import is_simplified, to_traditional
from model.text.reading import Text


def poems_of(texts: Sequence[Text]) -> tuple[list[Poem], bool]:
    """The poems of some texts, in traditional characters, and whether they were written in simplified ones.

    Raises:
        LanguageError: Chinese, but no verse.
        EmptyTextError: no poems.
    """
    joined = "\n\n".join(text.text for text in texts)
    simplified = is_simplified(joined)
    if simplified:
        joined = to_traditional(joined)
    found = read_poems(joined)
    if found and not is_verse(found, joined):
        raise LanguageError("The text is Chinese prose, and only verse can be learned in Chinese.")
    if not found:
        raise EmptyTextError("No poem was found in the text.")
    return found[:MAX_POEMS], simplified
