import json
from itertools import chain, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxtts.errors import TokensError
from mlxtts.wire import tokens
from mlxtts.wire.tokens import Begin, Codes, End, Header, Record

HEADER = Header("snac", "starter", 24_000, "starter", "slt", 7)
HEAD = tokens.encode(HEADER)

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
pauses = st.floats(0, 60)


@st.composite
def utterances(draw: st.DrawFn) -> list[Record]:
    name = draw(words)
    extra = draw(st.dictionaries(st.sampled_from(["speed", "x"]), st.integers(0, 3)))
    codes = st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=9).map(tuple)
    codes |= st.text(st.characters(codec="utf-8"), min_size=1, max_size=9)
    frames = draw(
        st.lists(
            st.builds(
                Codes, st.just(name), codes, st.none() | words, pauses, st.lists(words).map(tuple)
            ),
            max_size=3,
        )
    )
    begin = Begin(name, draw(words), draw(pauses), extra)
    return [begin, *frames, End(name, draw(st.sampled_from(tokens.REASONS)))]


streams = st.lists(utterances(), max_size=3).map(lambda parts: [HEADER, *chain(*parts)])


def read(*pieces: bytes) -> tuple[list[Record], str | None]:
    """The records in the pieces, and the error that ended them."""
    reader, found = tokens.Reader(), []
    try:
        for piece in pieces:
            for record in reader.feed(piece):
                found.append(record)
        for record in reader.close():
            found.append(record)
    except TokensError as error:
        return found, str(error)
    return found, None


def test_the_lines_of_the_manual() -> None:
    lines = [
        '{"mlxtts":1,"codec":"snac","codec_path":"starter","model":"starter","voice":"slt",'
        '"rate":24000,"seed":7}',
        '{"id":"1","begin":{"text":"Hello world."}}',
        '{"id":"1","codes":[417,2,995,16,31,400,12]}',
        '{"id":"1","end":"stop"}',
    ]
    records = [
        HEADER,
        Begin("1", "Hello world."),
        Codes("1", (417, 2, 995, 16, 31, 400, 12)),
        End("1"),
    ]
    assert [tokens.encode(record).decode() for record in records] == [line + "\n" for line in lines]
    assert read("\n".join(lines).encode()) == (records, None)


@given(streams, st.lists(st.integers(0, 2000), max_size=8))
def test_round_trip_in_any_chunking(sent: list[Record], places: list[int]) -> None:
    data = b"".join(map(tokens.encode, sent))
    at = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    pieces = [data[a:b] for a, b in pairwise(at)]
    assert read(*pieces) == (sent, None)


@given(streams, st.integers(0, 2000), st.integers(0, 2000))
def test_every_truncation_is_whole_lines_and_then_an_error(
    sent: list[Record], length: int, place: int
) -> None:
    data = b"".join(map(tokens.encode, sent))
    data = data[: length % (len(data) + 1)]
    found, error = read(data[:place], data[place:])
    assert (found, error) == read(data)
    assert found == sent[: len(found)]
    complete = data.count(b"\n")
    assert len(found) - complete in (0, 1)
    if error is None:
        assert not found or isinstance(found[-1], Header | End)
    else:
        assert error.startswith((f"line {complete}: the stream", f"line {complete + 1}: "))


@given(streams, st.integers(0, 5000), st.integers(0, 255))
def test_a_corrupted_byte_never_does_worse_than_an_error(
    sent: list[Record], index: int, byte: int
) -> None:
    data = bytearray(b"".join(map(tokens.encode, sent)))
    data[index % len(data)] = byte
    _, error = read(bytes(data))
    assert error is None or error.startswith("line ")


@given(st.binary(max_size=200))
def test_random_bytes_give_errors_with_a_line(data: bytes) -> None:
    found, error = read(data)
    assert not found
    assert error is None or error.startswith("line ")
    assert (error is None) == (not data.strip())


def test_a_second_header_applies_to_what_follows() -> None:
    other = Header("snac", "other", 16_000)
    records = [HEADER, Begin("1"), End("1"), other, Begin("1"), End("1")]
    assert read(b"".join(map(tokens.encode, records))) == (records, None)


def test_lines_are_counted_and_empty_ones_are_nothing() -> None:
    data = HEAD + b'\n  \n{"id":"1","begin":{}}\n{"id":"1","end":"cancel"}'
    assert [record.line for record in read(data)[0]] == [1, 4, 5]


def test_a_byte_order_mark_is_nothing() -> None:
    stream = b"\xef\xbb\xbf" + HEAD
    assert read(stream[:2], stream[2:] + stream) == ([HEADER, HEADER], None)


def test_unknown_keys_are_ignored() -> None:
    line = {"id": "1", "begin": {"text": "a", "speed": 2}, "new": [1]}
    found, error = read(HEAD + json.dumps(line).encode() + b'\n{"id":"1","end":"stop","x":{}}')
    assert (found[1], error) == (Begin("1", "a", 0.0, {"speed": 2}), None)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"\0", "not JSON"),
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"9" * 10_000, "not JSON"),
        (b"[1]", "not a JSON object"),
        (b"{}", "neither a header nor begin, codes or end"),
        (b'{"begin":{}}', "no id"),
        (b'{"id":1,"begin":{}}', "id must be a string"),
        (b'{"id":"1","begin":"x"}', "begin must be an object"),
        (b'{"id":"1","begin":{"text":null}}', "text must be a string"),
        (b'{"id":"1","begin":{"text":"\\ud800"}}', "text holds half a surrogate pair"),
        (b'{"id":"1","begin":{"pause":-1}}', "pause must be 0 to 60 seconds"),
        (b'{"id":"1","begin":{"pause":NaN}}', "pause must be 0 to 60 seconds"),
        (b'{"id":"1","codes":7}', "codes must be a list of 1 to 4096 numbers"),
        (b'{"id":"1","codes":""}', "codes must be a list of 1 to 4096 numbers, or so many symbols"),
        (b'{"id":"1","codes":"\\ud800"}', "codes holds half a surrogate pair"),
        (b'{"id":"1","codes":"a","words":"a"}', "words must be a list of strings"),
        (b'{"id":"1","codes":"a","words":[1]}', "words must be a list of strings"),
        (b'{"id":"1","codes":[]}', "codes must be a list of 1 to 4096 numbers"),
        (b'{"id":"1","codes":[-1]}', "-1 is not a code"),
        (b'{"id":"1","codes":[true]}', "true is not a code"),
        (b'{"id":"1","codes":[1.5]}', "1.5 is not a code"),
        (b'{"id":"1","codes":["%s"]}' % (b"x" * 99), '"xxxxxxxxxxxxxxxxxxxx... is not a code'),
        (b'{"id":"1","codes":[1]}', "utterance 1 has not begun"),
        (b'{"id":"1","end":"stop"}', "utterance 1 has not begun"),
        (b'{"id":"1","end":"done"}', "end must be one of stop, length, cancel"),
        (b'{"mlxtts":2}', "format version 2 is not known (this is version 1)"),
        (b'{"mlxtts":true}', "mlxtts must be a whole number"),
        (b'{"mlxtts":1}', "no rate"),
        (b'{"mlxtts":1,"rate":100}', "rate must be 8000 to 192000 Hz"),
        (b'{"mlxtts":1,"rate":24000}', "no codec"),
        (b'{"mlxtts":1,"rate":24000,"codec":"a","codec_path":1}', "codec_path must be a string"),
    ],
)
def test_bad_lines(line: bytes, reason: str) -> None:
    found, error = read(HEAD + line)
    assert found == [HEADER]
    assert error is not None
    assert error.startswith(f"line 2: {reason}")


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ([{"id": "1", "begin": {}}], 'line 1: no header: the first line must begin {"mlxtts":1,'),
        ([HEADER, Begin("1"), Begin("1")], "line 3: utterance 1 begins twice"),
        ([HEADER, Begin("1"), HEADER], "line 3: a header inside an utterance"),
        ([HEADER, Begin("b"), Begin("a")], "line 3: the stream breaks off inside utterance a, b"),
        ([HEADER, Begin("1"), End("1"), End("1")], "line 4: utterance 1 has not begun"),
    ],
)
def test_lines_out_of_order(lines: list[Any], error: str) -> None:
    data = [
        json.dumps(line).encode() + b"\n" if isinstance(line, dict) else tokens.encode(line)
        for line in lines
    ]
    assert read(b"".join(data))[1] == error


def test_a_long_line_is_refused_before_it_is_all_there() -> None:
    longest = b'{"id":"1","begin":{"text":"%s"}}'
    fits = longest % (b"x" * (tokens.MAX_LINE - len(longest) + 2))
    assert read(HEAD + fits + b"\n")[1] == "line 2: the stream breaks off inside utterance 1"
    assert read(HEAD + fits + b"x\n")[1] == "line 2: longer than 1048576 bytes"
    reader = tokens.Reader()
    list(reader.feed(HEAD))
    for _ in range(16):
        assert not list(reader.feed(b"x" * 65536))
    with pytest.raises(TokensError, match="line 2: longer than 1048576 bytes"):
        list(reader.feed(b"x"))
