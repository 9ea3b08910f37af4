from hypothesis import given
from hypothesis import strategies as st

from mlxtts.text.sentences import fit, sentences


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


@given(st.text(st.sampled_from("ab ,;"), max_size=200), st.integers(5, 50))
def test_pieces_fit_and_lose_nothing(text: str, length: int) -> None:
    pieces = fit(" ".join(text.split()), length)
    assert all(len(piece) <= length for piece in pieces)
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")
