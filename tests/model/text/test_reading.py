import pytest

from model.text.errors import (
    EmptyTextError,
    EncodingError,
    LanguageError,
    MonotonousTextError,
    NotTextError,
    TextTooLargeError,
)
from model.text.poems.examples import poems_of
from model.text.reading import MAX_BYTES, Text, language_of, read_text

PROSE = (
    "It was late in the evening when the old man came to the gate of the house, and he did not knock. " * 2
)
PROSE += "His daughter had seen him from the window; she was waiting at the stairs with a lamp in her hand. "
PROSE += "Nobody else in the village knew that they had ever lived there, or why they had gone away at last. "
PROSE += "The wind moved the branches over the well, and the dog, which had been asleep, lifted its head. "
PROSE += (
    "For a long time neither of them said a word. Then she asked whether he would like some bread and milk."
)
POEMS = """《静夜思》
床前看月光，疑是地上霜。
举头望山月，低头思故乡。

白日依山尽，黄河入海流。
欲穷千里目，更上一层楼。
"""
NOTED = "《秋》\n白日（一作赤日）依山盡，黃河入海流。\n欲窮千里目，更上一層樓（《全唐詩》）。\n"


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        (b"", EmptyTextError, "empty"),
        (b" \n\t 12 .", EmptyTextError, "no letters"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)), NotTextError, "binary"),
        (bytes([1, 2, 3, 0xFF, 0xFE, 7] * 50), NotTextError, "binary"),
        ("床前看月光".encode("gb18030") * 9, EncodingError, "UTF-8"),
        ("Ein Käfer".encode("latin-1"), EncodingError, "UTF-8"),
        ("a text".encode("utf-16"), EncodingError, "UTF-16"),
        (b"word " * 1000, MonotonousTextError, "repeats"),
        ("月".encode() * 4000, MonotonousTextError, "repeats"),
        (b"a" * (MAX_BYTES + 1), TextTooLargeError, "chapters"),
    ],
)
def test_what_is_no_text_is_refused_with_a_sentence(data, error, said):
    with pytest.raises(error, match=said) as caught:
        read_text(data)
    assert "UTF-8" in str(caught.value)  # what a good example is
    assert caught.value.code != "text"


def test_a_text_is_read_with_its_line_ends_and_without_its_mark():
    assert read_text(b"\xef\xbb\xbfOne\r\ntwo\rthree", "name") == Text("name", "One\ntwo\nthree")


def test_the_language_is_found():
    assert language_of([read_text(PROSE.encode())]) == "en"
    assert language_of([read_text(POEMS.encode())]) == "zh"


@pytest.mark.parametrize(
    ("texts", "error"),
    [
        ([], EmptyTextError),
        (["The cat was in the house."], EmptyTextError),
        ([PROSE, POEMS], LanguageError),
        ([PROSE[:120] + POEMS], LanguageError),
        (
            ["Der alte Mann kam spät am Abend an das Tor und klopfte nicht; niemand war wach. " * 9],
            LanguageError,
        ),
        ([PROSE] * 17, TextTooLargeError),
    ],
)
def test_other_languages_mixtures_and_too_little_are_refused(texts, error):
    with pytest.raises(error):
        language_of([Text("", text) for text in texts])


def test_poems_are_divided_by_titles_and_empty_lines_and_become_traditional():
    poems, simplified = poems_of([Text("", POEMS)])
    assert simplified
    assert [poem.title for poem in poems] == ["靜夜思", ""]
    assert poems[0].lines == ("牀前看月光", "疑是地上霜", "舉頭望山月", "低頭思故鄉")
    assert poems[0].stops == (False, True, False, True)


def test_chinese_prose_is_not_learned_from():
    prose = "太史公曰" + "余讀諜記黃帝以來皆有年數稽其曆譜諜終始五德之傳" * 3 + "。"
    with pytest.raises((LanguageError, EmptyTextError)):
        poems_of([Text("", prose)])


def test_notes_of_editors_are_left_out():
    poems, _ = poems_of([Text("", NOTED)])
    assert poems[0].lines == ("白日依山盡", "黃河入海流", "欲窮千里目", "更上一層樓")
