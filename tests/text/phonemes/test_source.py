from hypothesis import given
from hypothesis import strategies as st

from mlxtts.text.lexicon import Entry, Lexicon
from mlxtts.text.phonemes.source import Part, Source, Token, between, changed, parts
from mlxtts.text.phonemes.word import Word


def letters(said: str) -> list[Token]:
    """A language in which each word sounds as it is written."""
    found = []
    at = 0
    for word in said.split():
        start = said.index(word, at)
        at = start + len(word)
        found.append(Token(start, at, word.upper(), said[at : at + 1] == " "))
    return found


def read(text: str, lexicon: Lexicon | None = None) -> list[Word]:
    source = Source(parts(text, lexicon or Lexicon()))
    return source.words(between(source.said, source.marks, letters))


def test_what_is_given() -> None:
    lexicon = Lexicon([Entry("nginx", None, "engine x"), Entry("New York", "nu jɔɹk", "no")])
    assert read("an nginx in  New York, [my word](/x  y/)!", lexicon) == [
        *(Word("an", "AN", True), Word("nginx", "ENGINE X", True), Word("in", "IN", True)),
        *(
            Word("New York", "nu jɔɹk"),
            Word(",", ",", True),
            Word("my word", "x y"),
            Word("!", "!"),
        ),
    ]


def test_markup_is_not_looked_up() -> None:
    lexicon = Lexicon([Entry("cat", "kæt")])
    assert read("[cat](/dɔɡ/) cat", lexicon) == [Word("cat", "dɔɡ", True), Word("cat", "kæt")]


def test_words_that_are_said_otherwise_do_not_run_together() -> None:
    source = Source([Part("US", "US"), Part("$5", "five dollars"), Part("x", "x")])
    assert source.said == "US five dollars x"
    assert source.words(letters(source.said)) == [
        *(Word("US", "US", True), Word("$5", "FIVE DOLLARS", True), Word("x", "X")),
    ]


def test_punctuation_without_a_sound_goes_with_a_word() -> None:
    tokens = [Token(0, 1, "", False), Token(1, 2, "A", False), Token(2, 3, "", True)]
    tokens += [Token(4, 5, "", True), Token(6, 7, "", False), Token(7, 8, "B", False)]
    assert Source([Part("*a* ∆ (b", "*a* ∆ (b")]).words(tokens) == [
        *(Word("*a*", "A", True), Word("∆", ""), Word("(b", "B")),
    ]


def test_what_has_changed() -> None:
    assert changed("a 5 b", "a five b") == [Part("a ", "a "), Part("5", "five"), Part(" b", " b")]
    assert changed("ab", "abc") == [Part("ab", "abc")]
    assert changed("", "") == []


@given(st.text("ab,. 12", max_size=30), st.text("ab,. 12", max_size=30))
def test_parts_are_the_whole(written: str, said: str) -> None:
    found = changed(written, said)
    assert "".join(part.written for part in found) == written
    assert "".join(part.said for part in found) == said


@given(st.lists(st.sampled_from(["a", " ", ",", "cat", "[b c](/x/)", "[d](+1)", "(", "5"])))
def test_all_that_is_written_is_in_a_word(pieces: list[str]) -> None:
    words = read("".join(pieces), Lexicon([Entry("cat", "kæt"), Entry("5", None, "five")]))
    plain = "".join(pieces).replace("](/x/)", "").replace("](+1)", "").replace("[", "")
    assert "".join("".join(word.text for word in words).split()) == "".join(plain.split())
    assert not words or not words[-1].space
