import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxtts.text.sentences import LONGEST, Incoming, extent, fit, sentences


def test_sentences() -> None:
    text = 'Dr. Smith paid $3.50 to Mr. Jones. Really?  "Yes!" he said.\n'
    assert sentences(text) == [
        "Dr. Smith paid $3.50 to Mr. Jones.",
        "Really?",
        '"Yes!" he said.',
    ]
    assert sentences("  ") == []


@pytest.mark.parametrize(
    "text",
    [
        "It takes approx. five minutes.",
        "We met on Wed. at noon, Tues. and Thurs. only.",
        "See Vol. 2 and Vol. II of it, etc. and so on.",
        "The apt.  is small.",
        "He was est. in 1990.",
        "I saw Dr. Who today.",
    ],
)
def test_no_sentence_ends_at_an_abbreviation_within_it(text: str) -> None:
    assert sentences(f"{text} It is.") == [text, "It is."]
    incoming = Incoming()
    assert [found for char in f"{text} It" for found in incoming.feed(char)] == [text]


def test_a_sentence_may_end_with_an_abbreviation() -> None:
    assert sentences("It was 5 ms. He left etc. She ate.") == [
        "It was 5 ms.",
        "He left etc.",
        "She ate.",
    ]


def test_what_fits_is_left_alone() -> None:
    assert fit("one, two; three", 15) == ["one, two; three"]


def test_the_strongest_break_that_fits() -> None:
    assert fit("one one, two; three, four", 15) == ["one one, two;", "three, four"]
    assert fit("one one, two, three, four", 15) == ["one one, two,", "three, four"]
    assert fit("one one two three four", 15) == ["one one two", "three four"]
    assert fit("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]


def test_sentences_of_other_languages() -> None:
    assert sentences("你好。你好吗？", "zh") == ["你好。", "你好吗？"]
    assert sentences("Das ist z. B. gut. Ja!", "de") == ["Das ist z. B. gut.", "Ja!"]
    assert sentences("वह आया। वह गया।", "hi") == ["वह आया।", "वह गया।"]


def test_signs_that_take_longer_count_for_more() -> None:
    assert (extent("three"), extent("三"), extent("셋"), extent("तीन")) == (5, 3, 3, 3)
    assert fit("今天很好，明天更好，后天最好", 20) == ["今天很好，", "明天更好，", "后天最好"]
    assert fit("今天很好明天", 9) == ["今天很", "好明天"]


def test_a_vowel_sign_stays_with_its_letter() -> None:
    assert fit("कि" * 4, 3) == ["कि" * 2] * 2


@given(st.text(st.sampled_from("ab ,;，好"), max_size=200), st.integers(5, 50))
def test_pieces_fit_and_lose_nothing(text: str, length: int) -> None:
    pieces = fit(" ".join(text.split()), length)
    assert all(extent(piece) <= length for piece in pieces)
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")


ARTICLE = (
    "Dr. Smith paid $3.50 at 5 p.m. in the U.S. yesterday! Was it much? "
    'It was... enough. He said: "No." Then he left\nA heading\n\nThe end, without a stop'
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_sentences_come_as_they_are_complete(size: int) -> None:
    whole = [found for line in ARTICLE.split("\n") for found in sentences(line)]
    incoming = Incoming()
    got: list[list[str]] = []
    for at in range(0, len(ARTICLE), size):
        got.append(incoming.feed(ARTICLE[at : at + size]))
    assert got[-1] == [] or size == 1000
    found = [sentence for part in got for sentence in part]
    assert incoming.rest == len("The end, without a stop")
    assert found + incoming.close() == whole
    assert incoming.rest == 0


def test_a_sentence_waits_for_its_end() -> None:
    incoming = Incoming()
    assert incoming.feed("One is. ") == []
    assert incoming.feed("Two") == ["One is."]
    assert incoming.feed(" is.\n") == ["Two is."]
    assert incoming.feed("\n \n") == []
    assert incoming.close() == []


def test_chinese_has_no_spaces() -> None:
    incoming = Incoming("zh")
    assert incoming.feed("你好。再") == ["你好。"]
    assert incoming.close() == ["再"]


def test_a_sentence_that_does_not_end_is_cut() -> None:
    incoming = Incoming()
    found = []
    for _ in range(1000):
        found += incoming.feed("word ")
        assert incoming.rest <= LONGEST + 5
    found += incoming.feed("x" * 2500) + incoming.close()
    assert " ".join(found).split()[:1000] == ["word"] * 1000
    assert "".join(found).count("x") == 2500
    assert max(map(len, found)) <= LONGEST


@given(st.lists(st.text("ab.! \n?", max_size=9), max_size=9))
def test_nothing_of_it_is_lost(pieces: list[str]) -> None:
    incoming = Incoming()
    found = [sentence for piece in pieces for sentence in incoming.feed(piece)]
    assert "".join("".join(found + incoming.close()).split()) == "".join("".join(pieces).split())


def test_no_sentence_ends_within_markup() -> None:
    assert sentences("A [Dr. No. Two](/dˈɑk. ˈA/) is. B") == [
        "A [Dr. No. Two](/dˈɑk. ˈA/) is.",
        "B",
    ]
    incoming = Incoming()
    found = []
    for char in "One [pause:1.5s] is. [St. X. Y](/sˈAnt. ˈA/) is. A [b. C":
        found += incoming.feed(char)
    assert found == ["One [pause:1.5s] is.", "[St. X. Y](/sˈAnt. ˈA/) is."]
    assert incoming.close() == ["A [b.", "C"]


@pytest.mark.parametrize("part", [" ", "a", ".", "! ", ", ", "\u0301", "é", "[a](/", "**a"])
def test_a_long_line_is_divided_in_time(part: str) -> None:
    start = time.process_time()
    line = part * (50_000 // len(part))
    fit(line, 300)
    sentences(line)
    Incoming().feed(line)
    assert time.process_time() - start < 4
