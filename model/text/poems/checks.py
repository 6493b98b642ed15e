"""Checks a finished poem against its form, character by character."""

from __future__ import annotations

from model.text.poems.alphabet import Alphabet
from model.text.poems.forms import Form, rhyming
from model.text.poems.poem import Poem, layout_of


def faults(poem: Poem, form: Form, alphabet: Alphabet) -> list[str]:
    """What is wrong with a poem in traditional characters; empty where it keeps to its form.

    Regulated verse is sound when one of the form's patterns fits: every tone as prescribed, all rhyming
    lines on one rhyme, no rhyming character twice.
    """
    if layout_of(poem) != form.layout:
        return [f"its lines are {layout_of(poem)}, not {form.layout}"]
    if not form.patterns:
        return []
    tried = [_against(poem, form, alphabet, i) for i in range(len(form.patterns))]
    return min(tried, key=len)


def _against(poem: Poem, form: Form, alphabet: Alphabet, number: int) -> list[str]:
    pattern = form.patterns[number]
    found = []
    for line, tones in zip(poem.lines, pattern, strict=True):
        for character, n, sign in zip(line, alphabet.numbers(line), tones, strict=True):
            wanted = {"P": "level", "Z": "oblique"}.get(sign)
            if wanted is not None and wanted not in alphabet.tones_of(n):
                found.append(f"{character} in {line} is not {wanted}")
    ends = [poem.lines[i][-1] for i in rhyming(form, pattern)]
    rhymes = [alphabet.rhymes_of.get(alphabet.numbers(end)[0], frozenset()) for end in ends]
    shared = frozenset.intersection(*rhymes)
    if not any(name.startswith(("上平聲", "下平聲")) for name in shared):
        found.append(f"{''.join(ends)} do not share a level rhyme")
    if len(set(ends)) < len(ends):
        found.append(f"a rhyming character comes twice: {''.join(ends)}")
    return found
