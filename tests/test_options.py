import pytest

from mlxtts.options import Parser


@pytest.mark.parametrize(
    ("words", "text"),
    [([], []), (["-"], []), (["a", "-"], ["a", "-"]), (["--", "-"], []), (["-q", "b"], ["b"])],
)
def test_a_lone_dash_is_stdin_as_no_words_are(words: list[str], text: list[str]) -> None:
    parser = Parser("prog", "a test")
    parser.add_text("stdin")
    assert parser.parse_args(words).text == text
