from hypothesis import given
from hypothesis import strategies as st

from mlxtts.text.sentences import extent, fit, sentences


def test_sentences() -> None:
    text = 'Dr. Smith paid $3.50 to Mr. Jones. Really?  "Yes!" he said.\n'
    assert sentences(text) == [
        "Dr. Smith paid $3.50 to Mr. Jones.",
        "Really?",
        '"Yes!" he said.',
    ]
    assert sentences("  ") == []


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
