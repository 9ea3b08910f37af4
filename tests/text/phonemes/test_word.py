import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxtts.text.phonemes.word import Word, split, string, unspoken

SENTENCE = [
    *(Word("One", "wˈʌn"), Word(",", ",", True), Word("two", "tˈu"), Word(";", ";", True)),
    *(Word("three", "θɹˈi", True), Word("four", "fˈɔɹ"), Word(".", ".", True)),
    *(Word("Five", "fˈIv"), Word("!", "!")),
]


def test_a_string() -> None:
    assert string(SENTENCE) == "wˈʌn, tˈu; θɹˈi fˈɔɹ. fˈIv!"
    assert unspoken([Word("a", "ɐ"), Word("∆", ""), Word("b", "bˈi")]) == ["∆"]


@pytest.mark.parametrize(
    ("limit", "pieces"),
    [
        (27, ["wˈʌn, tˈu; θɹˈi fˈɔɹ. fˈIv!"]),
        (26, ["wˈʌn, tˈu; θɹˈi fˈɔɹ.", "fˈIv!"]),
        (20, ["wˈʌn, tˈu;", "θɹˈi fˈɔɹ. fˈIv!"]),
        (9, ["wˈʌn,", "tˈu;", "θɹˈi", "fˈɔɹ.", "fˈIv!"]),
        (3, ["wˈʌ", "n,", "tˈu", ";", "θɹˈ", "i", "fˈɔ", "ɹ.", "fˈI", "v!"]),
    ],
)
def test_the_best_place(limit: int, pieces: list[str]) -> None:
    assert [string(piece) for piece in split(SENTENCE, limit)] == pieces


def test_a_closing_quote_stays() -> None:
    words = [Word("a", "A"), Word(".", "."), Word("”", "”", True), Word("b", "B"), Word("c", "C")]
    assert [string(piece) for piece in split(words, 4)] == ["A.”", "BC"]


words = st.builds(
    Word, st.text("ab", min_size=1, max_size=3), st.text("ab .,;”", max_size=12), st.booleans()
)


@given(st.lists(words, max_size=30), st.integers(1, 15))
def test_pieces_fit_and_lose_nothing(text: list[Word], limit: int) -> None:
    pieces = split(text, limit)
    assert all(sum(len(w.phonemes) + w.space for w in piece) <= limit for piece in pieces)
    assert all(piece and not piece[-1].space for piece in pieces)
    found = [word for piece in pieces for word in piece]
    assert "".join(w.text for w in found) == "".join(w.text for w in text)
    assert "".join(w.phonemes for w in found) == "".join(w.phonemes for w in text)
