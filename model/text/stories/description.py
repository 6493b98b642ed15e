"""What an author's examples are like, in figures that readers understand."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from model.text.reading import Text
from model.text.stories.passages import tidy, words

_SPOKEN = re.compile(r"[“\"][^“”\"\n]{2,600}[”\"]")
_END = re.compile(r"[.!?]+[\"'”’)]*(?:\s|$)")
_FIRST = {"i", "my", "me", "mine", "myself", "we", "our", "us"}


def describe(texts: Sequence[Text]) -> dict[str, Any]:
    """Words, mean length of sentences and words, share of speech, point of view, favourite words.

    A favourite word is longer than four letters, comes at least three times, and most often for its length.
    """
    joined = "\n\n".join(tidy(text.text) for text in texts)
    found = words(joined)
    narrated = words(_SPOKEN.sub(" ", joined))
    spoken = sum(len(words(match.group())) for match in _SPOKEN.finditer(joined))
    sentences = max(1, len(_END.findall(joined)))
    first = sum(word in _FIRST for word in narrated)
    counts = Counter(word for word in narrated if len(word) > 4)
    favourites = [word for word, count in counts.most_common(40) if count > 2][:12]
    return {
        "texts": len(texts),
        "words": len(found),
        "words_a_sentence": round(len(found) / sentences, 1),
        "letters_a_word": round(sum(map(len, found)) / max(1, len(found)), 2),
        "share_of_speech": round(spoken / max(1, len(found)), 3),
        "person": "first" if first * 40 > len(narrated) else "third",
        "favourites": favourites,
    }
