import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxtts.errors import TextError
from mlxtts.text import markup


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("[pause:0.5s]", 0.5),
        ("[pause:500ms]", 0.5),
        ("[pause: 2s ]", 2.0),
        ("[Pause:.25s]", 0.25),
        ("[pause:60s]", 60.0),
        ("[pause:1.s]", 1.0),
        ('<break time="500ms"/>', 0.5),
        ('<break time="1.5s">', 1.5),
        ("<break time='+2s' />", 2.0),
        ('<break time="1s"></break>', 1.0),
        ('<break strength="weak" time="3s"/>', 3.0),
        ("<break/>", 0.4),
        ("<break>", 0.4),
        ("<BREAK />", 0.4),
        ('<break strength="x-weak"/>', 0.1),
        ('<break strength="weak"/>', 0.2),
        ('<break strength="medium"/>', 0.4),
        ('<break strength="strong"/>', 0.8),
        ('<break strength="x-strong"/>', 1.2),
    ],
)
def test_pauses(written: str, seconds: float) -> None:
    assert markup.pauses(f"One {written} two.") == [(0.0, "One "), (seconds, " two.")]


@pytest.mark.parametrize(
    "written", ["[pause:0s]", '<break strength="none"/>', "<break time='0ms'>"]
)
def test_a_pause_of_no_time_is_none(written: str) -> None:
    assert markup.pauses(f"One{written}two.") == [(0.0, "One two.")]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", [(0.0, "")]),
        ("[pause:1s]a", [(1.0, "a")]),
        ("[pause:1s] [pause:2s]a", [(3.0, "a")]),
        ("a[pause:1s]<break time='2s'/>b", [(0.0, "a"), (3.0, "b")]),
        ("a[pause:1s]<break time='0s'/>b", [(0.0, "a"), (1.0, " b")]),
        ("a [pause:1s]", [(0.0, "a "), (1.0, "")]),
        ("[pause:1s]", [(1.0, "")]),
        ("<speak>a <break time='1s'/> b</speak>", [(0.0, " a "), (1.0, " b ")]),
        ("<speak version='1.1'>\na\n</speak>\n", [(0.0, " \na\n ")]),
        ("[pausing] a [pause the film]", [(0.0, "[pausing] a [pause the film]")]),
        ("<breaking>", [(0.0, "<breaking>")]),
    ],
)
def test_the_parts_between(text: str, parts: list[tuple[float, str]]) -> None:
    assert markup.pauses(text) == parts


@pytest.mark.parametrize(
    "written",
    [
        "[pause]",
        "[pause:]",
        "[pause:5]",
        "[pause:-1s]",
        "[pause:5 s]",
        "[pause:1e3s]",
        "[pause:nans]",
        "[pause:1s",
        "[pause:1m]",
        '<break time="1s"',
        "<break time=1s/>",
        '<break time="1"/>',
        '<break time=""/>',
        '<break strength="huge"/>',
        '<break size="1s"/>',
        "<break time='1s' strength='loud'/>",
        "<break 1s>",
    ],
)
def test_malformed_pauses_are_quoted(written: str) -> None:
    with pytest.raises(TextError, match="is not a pause") as caught:
        markup.pauses(f"One {written}")
    assert repr(written) in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["[pause:60.001s]", "a [pause:60001ms]", "<break time='3600s'/>", "[pause:40s][pause:40s]"],
)
def test_pauses_have_a_limit(text: str) -> None:
    with pytest.raises(TextError, match="a pause has at most 60 seconds"):
        markup.pauses(text)


@given(st.floats(0.001, 60), st.sampled_from(["s", "ms"]), st.booleans())
def test_any_time_up_to_the_limit(seconds: float, unit: str, brackets: bool) -> None:
    time = f"{seconds * 1000:.3f}ms" if unit == "ms" else f"{seconds:.6f}s"
    written = f"[pause:{time}]" if brackets else f'<break time="{time}"/>'
    [(none, one), (pause, two)] = markup.pauses(f"one {written} two")
    assert (none, one, two) == (0.0, "one ", " two")
    assert pause == pytest.approx(seconds, abs=1e-5)


pieces = st.lists(
    st.sampled_from(
        [
            *("one", " ", ". ", "[", "]", "(", ")", "/", "<", ">", "\U00100000", "\U0010fffd"),
            *("[pause:1s]", "<break/>", "[Dr. No. 2](/dˈɑktəɹ. nˈO/)", "[a b](+1)", "[x](/a)/b/)"),
        ]
    )
)


@given(pieces)
def test_what_is_hidden_comes_again(written: list[str]) -> None:
    text = "".join(written)
    hidden, store = markup.hide(text)
    assert markup.show(hidden, store) == text
    assert not markup.WORD.search(hidden)


@given(pieces)
def test_no_text_is_lost_at_pauses(written: list[str]) -> None:
    text = "".join(written)
    try:
        parts = markup.pauses(text)
    except TextError:
        return
    said = "".join(part for _, part in parts)
    assert "".join(said.split()) == "".join(markup.PAUSE.sub("", text).split())


def test_words_alone() -> None:
    out: list[str] = []
    text = "[Kokoro](/kˈOkəɹO/) and [New York](-1), [see](http://a.b) [1] (2)"
    assert markup.plain(text, out.append) == "Kokoro and New York, [see](http://a.b) [1] (2)"
    assert out == ["(/kˈOkəɹO/)", "(-1)"]


def test_whatever_is_inside_the_slashes() -> None:
    out: list[str] = []
    assert markup.plain("[a](/x) y/ (z. /) b", out.append) == "a b"
    assert out == ["(/x) y/ (z. /)"]
