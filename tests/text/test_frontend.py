import pytest

from mlxtts.errors import TextError
from mlxtts.text.frontend import Frontend, Segment
from mlxtts.text.lexicon import Entry, Lexicon


def words(text: str, length: int = 100) -> tuple[str, ...]:
    return texts(Frontend((), True, length), text)


def texts(frontend: Frontend, text: str) -> tuple[str, ...]:
    return tuple(segment.text for segment in frontend.segments(text))


def test_a_sentence_is_a_segment() -> None:
    assert words("It is 5. Is it?") == ("It is five.", "Is it?")
    assert words("one two three four five", 12) == ("one two", "three four", "five")


def test_the_length_is_that_of_the_words() -> None:
    pieces = words("$1,234,567 " * 3, 60)
    one = "one million two hundred and thirty-four thousand five hundred and sixty-seven dollars"
    assert " ".join(pieces) == " ".join([one] * 3)
    assert len(pieces) == 5
    assert all(len(piece) <= 60 for piece in pieces)


def test_figures_stay_for_a_model_that_reads_them() -> None:
    assert texts(Frontend((), False, 100), "It is 5 €.") == ("It is 5 €.",)
    assert texts(Frontend((), False, 100), "Привет, мир!") == ("Привет, мир!",)


def test_tags() -> None:
    frontend = Frontend(("laugh",), False, 100)
    assert texts(frontend, "Ha <laugh> ha <sigh> ho <sigh>") == ("Ha <laugh> ha ho",)
    assert frontend.new_tags() == ["<sigh>"]
    assert texts(frontend, "<laugh>") == ("<laugh>",)
    assert texts(frontend, "a <sigh> <gasp>") == ("a",)
    assert frontend.new_tags() == ["<gasp>"]
    words = Frontend(("laugh",), True, 100)
    assert texts(words, "Ha <laugh> 3 < 4 <sigh>") == ("Ha <laugh> three less than four",)
    assert texts(words, "<b>3</b>") == ("three",)
    frontend.leave_out("∆")
    assert frontend.new_tags() == ["∆"]
    assert frontend.new_tags() == []


@pytest.mark.parametrize("text", ["", " ", "...", "?!", "🎉🎉", "<sigh>", '"-"', "\u200b"])
def test_nothing_to_speak(text: str) -> None:
    with pytest.raises(TextError, match="nothing to speak in"):
        words(text)


def test_letters_that_the_model_does_not_have() -> None:
    with pytest.raises(TextError, match="nothing to speak in 'Привет'"):
        words("Привет")


def test_a_nul() -> None:
    with pytest.raises(TextError, match="holds a NUL"):
        words("a\0b")


def test_a_fresh_one_has_seen_no_tags() -> None:
    used = Frontend(("laugh",), False, 100)
    used.segments("Ha <smirk> 3.")
    fresh = used.fresh()
    assert texts(fresh, "Ha <laugh> 3.") == ("Ha <laugh> 3.",)
    assert fresh.new_tags() == []
    assert used.new_tags() == ["<smirk>"]


def test_a_pause_is_before_what_follows_it() -> None:
    found = Frontend((), True, 100).segments("One [pause:500ms] two. Three.<break time='2s'/>4")
    assert found == (
        *(Segment("One"), Segment("two.", 0.5), Segment("Three."), Segment("four", 2.0)),
    )


def test_a_pause_at_the_end_is_left_over() -> None:
    frontend = Frontend((), True, 100)
    assert frontend.parts("[pause:1s] One [pause:2s] ... [pause:3s]") == (
        (Segment("One", 1.0),),
        5.0,
    )
    assert frontend.parts("[pause:60s] - [pause:60s]") == ((), 60.0)
    assert frontend.segments("One [pause:2s]") == (Segment("One"),)
    with pytest.raises(TextError, match="nothing to speak in '\\[pause:2s\\]'"):
        frontend.segments("[pause:2s]")


def test_a_pronunciation_is_for_models_that_can_say_it() -> None:
    text = "A [Dr. No. Two](/dˈɑktəɹ. nˈO/) <laugh> [x](+1)."
    plain = Frontend((), False, 100)
    assert " ".join(texts(plain, text)) == "A Dr. No. Two x."
    assert plain.new_tags() == ["(+1)", "(/dˈɑktəɹ. nˈO/)", "<laugh>"]
    spoken = Frontend((), True, 5, phonemes=True)
    assert texts(spoken, text) == ("A [Dr. No. Two](/dˈɑktəɹ. nˈO/)", "[x](+1).")
    assert spoken.new_tags() == ["<laugh>"]
    assert spoken.fresh().segments("5 [...](/x/)") == (Segment("5 [...](/x/)"),)


def test_a_lexicon_respells_for_models_that_read_letters() -> None:
    lexicon = Lexicon([Entry("nginx", "ˈɛnʤənˌɛks", "engine x"), Entry("cat", "kˈæt")])
    plain, spoken = Frontend((), True, 100), Frontend((), True, 100, phonemes=True)
    for frontend in (plain, spoken):
        frontend.lexicon = lexicon
    assert texts(plain.fresh(), "The cat's nginx") == ("The cat's engine x",)
    assert texts(spoken.fresh(), "The cat's nginx") == ("The cat's nginx",)


@pytest.mark.parametrize("text", ["[pause:1]", "a <break time='61s'/>"])
def test_pauses_that_cannot_be(text: str) -> None:
    with pytest.raises(TextError, match="pause"):
        words(text)
