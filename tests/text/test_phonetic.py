"""Words to groups of phonemes with what is written for each."""

import importlib.util

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxtts.text.phonemes import Word, string
from mlxtts.text.phonetic import Phonetic, groups

VOCABULARY = frozenset(';:,.!?—…"()“” ˈˌaɪbcdefɡhijklmnopqstuvwxzðəɛɜɹʃθʊʌʒŋAIOWYɑæɔɾɲʧʤᵊɐ')
needs_english = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("misaki", "spacy", "phonemizer")),
    reason="needs mlxtts[en]",
)


@pytest.mark.parametrize(
    ("words", "phonemes", "written"),
    [
        ([Word("Hi", "hˈI"), Word(",", ",", True), Word("you", "ju")], "hˈI, ju", ("Hi,", "you")),
        ([Word("$5", "fˈIv dˈɑləɹz", True), Word("x", "x")], "fˈIv dˈɑləɹz x", ("$5", "", "x")),
        ([Word("¿", ""), Word("qué", "kˈe")], "kˈe", ("¿qué",)),
        ([Word("a", "a", True), Word("(", "", True), Word("b", "b")], "a b", ("a", "(b")),
        ([Word("a", "a", True), Word("*", "", True), Word("b", "b")], "a b", ("a *", "b")),
        ([Word("a", "a", True), Word("(", "", True), Word("b", "")], "a", ("a (b",)),
        ([Word("a", "a", True), Word("(", "")], "a", ("a (",)),
        ([Word("…", "")], "", ()),
    ],
)
def test_groups(words: list[Word], phonemes: str, written: tuple[str, ...]) -> None:
    assert groups(words) == (phonemes, written)


WORDS = st.lists(
    st.builds(
        Word,
        st.text("ab¿(", min_size=1, max_size=3),
        st.sampled_from(["", "a", "a b", "ab", "a b c"]),
        st.booleans(),
    ),
    max_size=12,
)


@given(WORDS)
def test_a_written_word_for_each_group(words: list[Word]) -> None:
    phonemes, written = groups(words)
    assert phonemes.split() == string(words).split()
    assert len(written) == len(phonemes.split())
    if written:
        assert "".join(written).replace(" ", "") == "".join(word.text for word in words)


@needs_english
def test_segments_with_pauses_and_pronunciations() -> None:
    frontend = Phonetic(VOCABULARY, 400)
    said = frontend.segments("Hello. [pause:0.5s] It costs $5, [Kokoro](/kˈOkəɹO/).")
    assert [(s.text, s.pause, s.phonemes, s.words) for s in said] == [
        ("Hello.", 0.0, "həlˈO.", ("Hello.",)),
        (
            "It costs $5, Kokoro.",
            0.5,
            "ˌɪt kˈɔsts fˈIv dˈɑləɹz, kˈOkəɹO.",
            ("It", "costs", "$5,", "", "Kokoro."),
        ),
    ]


@needs_english
def test_another_language() -> None:
    frontend = Phonetic(VOCABULARY, 400)
    frontend.speak("e")
    assert frontend.fresh().segments("Hola.")[0].phonemes == "ˈola."


@needs_english
def test_phonemes_that_the_model_does_not_have_are_told() -> None:
    frontend = Phonetic(VOCABULARY - {"ˈ"}, 400)
    assert frontend.segments("Hello.")[0].phonemes == "həlO."
    assert frontend.new_tags() == ["'ˈ'"]


@needs_english
def test_the_first_clause_of_a_long_sentence_comes_alone() -> None:
    long = (
        "When the sun had risen, all of them went down to the harbour and waited for the boats, "
        "which were late, as they had been the day before and the day before that."
    )
    frontend = Phonetic(VOCABULARY, 400)
    texts = [segment.text for segment in frontend.segments(f"{long} {long} Short, this one.")]
    assert texts[0] == "When the sun had risen,"
    assert f"{texts[0]} {texts[1]}" == texts[2] == long
    assert texts[3] == "Short, this one."
    assert [segment.text for segment in frontend.segments(long)] == texts[:2]
    stream = frontend.fresh()
    parts = [segment.text for _ in range(2) for segment in stream.parts(long)[0]]
    assert parts == texts[:3]


@needs_english
def test_so_does_a_longer_one_in_a_much_longer_sentence() -> None:
    clause = "When the morning came over the hills and the river lay still under the fog,"
    rest = (
        "nobody in the village had yet heard what had happened during the long night in the town."
    )
    found = [*Phonetic(VOCABULARY, 400).segments(f"{clause} {rest}")]
    assert [segment.text for segment in found] == [clause, rest]
    assert len(found[0].phonemes) > 60


@needs_english
def test_a_long_text_is_split_and_nothing_lost() -> None:
    text = "words and more words " * 60
    said = Phonetic(VOCABULARY, 5000).segments(text)
    assert len(said) > 1
    assert all(len(s.phonemes) <= 510 for s in said)
    assert " ".join(s.text for s in said).split() == text.split()
