import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mlxtts.text.emphasis import Marked
from mlxtts.text.frontend import Frontend
from mlxtts.text.lexicon import Entry, Lexicon
from mlxtts.text.sentences import Incoming, sentences


def emphasised(text: str, length: int = 160) -> str:
    frontend = Frontend((), True, length, emphasis=True)
    frontend.lexicon = Lexicon([Entry("nginx", respelling="engine x")])
    return " | ".join(piece.text for piece in frontend.parts(text)[0])


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("i *really* mean it.", "i *really* mean it."),
        ("a *very big house*", "a *very* *big* *house*"),
        ("*really?* He *did!*", "*really*? | He *did*!"),
        ("*Is it? Yes.* No.", "*Is* *it*? | *Yes*. | No."),
        ("**bold** __*x*__ ***both***", "*bold* *x* *both*"),
        ("**a *b* c**", "*a* *b* *c*"),
        # around it
        ('"*this*" (*so*) — *that*—*those*', "*this*, *so*, *that*, *those*"),
        ("well-*known*, the *dog*'s", "*well-known*, the *dog's*"),
        ("'*so*'", "*'so'*"),
        # words that come of it
        ("*21* of 22", "*twenty-one* of twenty-two"),
        ("*Dr.* Smith, *Dr. Smith*", "*doctor* Smith, *doctor* *Smith*"),
        ("it was *$3.50*", "it was *three* *dollars* *and* *fifty* *cents*"),
        ("chapter *IV*, *chapter* IV", "chapter *four*, *chapter* four"),
        ("STOP *SHOUTING* AT ME NOW", "stop *shouting* at me now"),
        ("the *café*", "the *cafe*"),
        ("*nginx's* *up*", "*engine* *x's* *up*"),
        # not emphasis
        ("2 * 3, 2*3*4 and 5*", "two three, two three four and five"),
        ("* an item", "an item"),
        ("a *b and c* d", "a *b* *and* *c* d"),
        ("a *b, c * d", "a b, c d"),
        ("**a* f*** un*believ*able", "a f un believ able"),
        ("*a\nb*", "a b"),
        ("*Привет* *a*", "Привет *a*"),
        ("***", ""),
    ],
)
def test_what_a_voice_is_given_that_knows_emphasis(written: str, read: str) -> None:
    assert emphasised(written) == read


def test_a_long_one_is_divided_between_its_words() -> None:
    assert emphasised("*one two three four five*", 12) == "*one* *two* | *three* *four* | *five*"
    assert emphasised("*nebuchadnezzar*", 8) == "*nebuchad* | *nezzar*"


def test_models_that_read_figures() -> None:
    frontend = Frontend(("laugh",), False, 100, emphasis=True)
    assert frontend.segments("* *5 €*, 2 * 3 *<laugh>*")[0].text == "*5* €, 2 3 <laugh>"


@pytest.mark.parametrize("phonemes", [False, True])
def test_for_others_it_is_a_word_as_any(phonemes: bool) -> None:
    frontend = Frontend((), False, 100, phonemes=phonemes)
    said = frontend.segments('*Really?* It *is [a](/b/)*, "**so** much" * 2.')
    word = "[a](/b/)" if phonemes else "a"
    assert [piece.text for piece in said] == ["Really?", f'It is {word}, "so much" * 2.']


STARRY = st.one_of(
    st.text("ab* ", max_size=30),
    st.lists(
        st.sampled_from(
            [
                *"*****  .,?-'\"(é",
                "**",
                "word",
                "Dr.",
                "21",
                "nginx",
                "I",
                "<x>",
                "5 May ",
                "\n",
                "я",
            ]
        ),
        max_size=25,
    ).map("".join),
    st.text(max_size=30),
)


@given(STARRY, st.booleans(), st.sampled_from([5, 160]))
def test_without_its_asterisks_it_is_what_others_are_given(
    text: str, spoken_form: bool, length: int
) -> None:
    text = text.replace("\0", "")
    assume(not re.search("pause|break", text, re.I))  # of which not all can be read
    known, unknown = (
        Frontend((), spoken_form, length, emphasis=emphasis) for emphasis in (True, False)
    )
    for frontend in (known, unknown):
        frontend.lexicon = Lexicon([Entry("nginx", respelling="engine x")])
    found = [piece.text for piece in known.parts(text)[0]]
    for token in " ".join(found).split():
        assert "*" not in token or re.fullmatch(r"\*[^*\s]*\w[^*\s]*\*[,.?!;:]*", token)
    if spoken_form:  # else a lonely asterisk is for the model to read
        others = [piece.text for piece in unknown.parts(text)[0]]
        assert [piece.replace("*", "") for piece in found] == others


@given(st.lists(st.sampled_from(["a", "Dr.", "21", "so?", "x,"]), min_size=1))
def test_no_word_is_lost(words: list[str]) -> None:
    plain = Frontend((), True, 160).segments(" ".join(words))
    assert Frontend((), True, 160).segments("*" + "* *".join(words) + "*") == plain
    assert Frontend((), True, 160).segments(f"**{' '.join(words)}**") == plain


def test_marks_move_with_what_becomes_of_the_text() -> None:
    marked = Marked.read("a *b* c")
    assert marked == Marked("a b c", "  *  ")
    assert marked.sub(re.compile("b c"), lambda _: "d e").marks == "  ***"
    assert marked.sub(re.compile("a b"), lambda _: "a big b").marks == "  *****  "
    assert marked.sub(re.compile("$"), lambda _: " d").marks == "  *    "


def test_no_sentence_ends_within_emphasis() -> None:
    assert sentences("*Really? Yes.* I think. So") == ["*Really? Yes.* I think.", "So"]
    text = "*Is it? Yes.* Then I *really?* mean it. Ok *so. much"
    whole = ["*Is it? Yes.* Then I *really?* mean it.", "Ok *so.", "much"]
    incoming = Incoming()
    assert [s for char in text for s in incoming.feed(char)] + incoming.close() == whole
