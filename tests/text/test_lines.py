import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxtts.errors import TextError
from mlxtts.text.lines import MAX_LINE, Line, Utterance, read


def utterance(line: str) -> Utterance:
    return Line(3, 2, line.encode(), 0.5).utterance()


def test_lines_and_pauses() -> None:
    lines = list(read([b"\n\nOne\nTw", b"o\r\n", b"\n \nThr", b"ee"]))
    assert [(line.number, line.ordinal, line.data, line.pause) for line in lines] == [
        (3, 1, b"One", 1.0),
        (4, 2, b"Two\r", 0.0),
        (7, 3, b"Three", 1.0),
    ]


def test_a_byte_order_mark_is_no_text() -> None:
    mark = b"\xef\xbb\xbf"
    lines = list(read([mark[:1], mark[1:] + b"One\n" + mark + b'{"text":"Two"}']))
    assert [line.utterance().text for line in lines] == ["One", "Two"]
    assert [line.number for line in read([mark + b"\nOne"])] == [2]
    with pytest.raises(TextError, match="no text"):
        list(read([mark]))


def test_pauses_have_an_end() -> None:
    assert next(read([b"\n" * 100 + b"x"])).pause == 5.0


def test_a_line_is_given_when_it_is_complete() -> None:
    pieces = iter([b"a\nb", b"c\n"])
    lines = read(pieces)
    assert next(lines).data == b"a"
    assert next(pieces) == b"c\n"


@pytest.mark.parametrize("stream", [[], [b""], [b"\n \n"]])
def test_no_text(stream: list[bytes]) -> None:
    with pytest.raises(TextError, match="no text"):
        list(read(stream))


def test_a_line_that_is_too_long_does_not_hide_the_next() -> None:
    half = b"x" * (MAX_LINE // 2)
    lines = list(read([half, half, b"x", half, half, b"\nb\n", half + half, b"\n"]))
    assert [(line.number, line.data and len(line.data)) for line in lines] == [
        (1, None),
        (2, 1),
        (3, MAX_LINE),
    ]
    with pytest.raises(TextError, match="longer than 1048576 bytes"):
        lines[0].utterance()


def test_plain_text_and_json() -> None:
    assert utterance(" Hello \r") == Utterance("2", "Hello", None, 0.5)
    assert utterance('{"text":"Hi","id":"a","voice":"rms","x":1}') == Utterance(
        "a", "Hi", "rms", 0.5
    )
    assert utterance('{"text":"Hi","id":7,"voice":null}') == Utterance("7", "Hi", None, 0.5)
    assert utterance('{"text":"Hi","id":null}') == Utterance("2", "Hi", None, 0.5)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{x", "begins with { but is not JSON"),
        ('{"a":' * 100_000, "begins with { but is not JSON"),
        ("{}", "no text"),
        ('{"text":null}', "no text"),
        ('{"text":5}', "text must be a string"),
        ('{"text":"a","id":true}', "id must be a string"),
        ('{"text":"a","voice":1}', "voice must be a string"),
        ('{"text":"\\udc00"}', "text holds half a surrogate pair"),
    ],
)
def test_bad_lines(line: str, reason: str) -> None:
    with pytest.raises(TextError, match=reason):
        utterance(line)


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(TextError, match="not UTF-8"):
        Line(1, 1, b"a\xff", 0).utterance()


@given(st.binary(max_size=60), st.integers(0, 60))
def test_chunking_changes_nothing(data: bytes, place: int) -> None:
    def all_lines(*pieces: bytes) -> object:
        try:
            return list(read(pieces))
        except TextError:
            return None

    assert all_lines(data[:place], data[place:]) == all_lines(data)


@pytest.mark.parametrize("line", ["* * *", "***", " --- ", "⁂", "— — —", "~~~~", "#"])
def test_what_parts_scenes_is_a_pause(line: str) -> None:
    [one, two] = read([f"One.\n\n{line}\n\nTwo.\n{line}\n".encode()])
    assert (one.pause, two.pause, two.ordinal, two.number) == (0.0, 2.0, 2, 5)


@pytest.mark.parametrize("line", ["...", "-", "* a *", "*-*", "?!", "— —x"])
def test_what_does_not(line: str) -> None:
    assert [utterance.pause for utterance in read([line.encode()])] == [0.0]


def test_nothing_but_a_break() -> None:
    with pytest.raises(TextError, match="no text"):
        list(read([b"* * *\n"]))
