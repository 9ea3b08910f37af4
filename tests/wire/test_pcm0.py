import math
import struct
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxtts.errors import Pcm0Error
from mlxtts.wire import pcm0


def floats(count: int) -> st.SearchStrategy[bytes]:
    sample = st.floats(width=32, allow_nan=False, allow_infinity=False)
    return st.lists(sample, min_size=count, max_size=count).map(
        lambda samples: struct.pack(f"<{count}f", *samples)
    )


@st.composite
def frames(draw: st.DrawFn) -> pcm0.Frame:
    channels = draw(st.integers(1, 8))
    samples = draw(st.integers(0, 5))
    rate = draw(st.sampled_from([8_000, 24_000, 192_000]) | st.integers(8_000, 192_000))
    return pcm0.Frame(rate, draw(floats(samples * channels)), channels)


def cuts(data: bytes, places: list[int]) -> list[bytes]:
    """`data` cut at the places, taken modulo its length."""
    at = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in pairwise(at)]


def read(pieces: list[bytes]) -> tuple[list[pcm0.Frame], str | None]:
    """The frames in the pieces, and the error that ended them."""
    reader, found = pcm0.Reader(), []
    try:
        for piece in pieces:
            for frame in reader.feed(piece):
                found.append(frame)
        reader.close()
    except Pcm0Error as error:
        return found, str(error)
    return found, None


def test_layout() -> None:
    frame = pcm0.Frame(24_000, struct.pack("<2f", 0.5, -1.0), 2)
    expected = b"PCM0" + bytes.fromhex("c05d0000 01000000 02000000 0000003f 000080bf")
    assert pcm0.encode(frame) == expected
    assert frame.num_samples == 1
    assert pcm0.encode_end(24_000) == b"PCM0" + bytes.fromhex("c05d0000 00000000 01000000")


@given(st.lists(frames(), max_size=4), st.lists(st.integers(0, 500), max_size=8))
def test_round_trip_in_any_chunking(sent: list[pcm0.Frame], places: list[int]) -> None:
    data = b"".join(map(pcm0.encode, sent))
    assert read(cuts(data, places)) == (sent, None)
    assert [frame.is_end for frame in sent] == [not frame.num_samples for frame in sent]


@given(st.lists(frames(), min_size=1, max_size=3), st.integers(0, 500), st.integers(0, 500))
def test_a_truncation_names_where_the_frame_began(
    sent: list[pcm0.Frame], length: int, place: int
) -> None:
    encoded = [pcm0.encode(frame) for frame in sent]
    data = b"".join(encoded)
    data = data[: length % len(data)]
    starts = [sum(map(len, encoded[:n])) for n in range(len(encoded) + 1)]
    found, error = read(cuts(data, [place]))
    whole = max(n for n, start in enumerate(starts) if start <= len(data))
    assert found == sent[:whole]
    if starts[whole] == len(data):
        assert error is None
    else:
        assert error is not None
        assert error.startswith(f"byte {starts[whole]}: frame cut short: ")


@given(frames(), frames(), st.integers(0, 15), st.integers(0, 255), st.integers(0, 300))
def test_a_corrupted_header_byte_is_refused_or_still_a_header(
    first: pcm0.Frame, second: pcm0.Frame, index: int, byte: int, place: int
) -> None:
    data = bytearray(pcm0.encode(first) + pcm0.encode(second))
    changed = data[index] != byte
    data[index] = byte
    found, error = read(cuts(bytes(data), [place]))
    assert (found, error) == read([bytes(data)])
    if changed and index < 4:
        assert not found
        assert error is not None
        assert error.startswith("byte 0: no PCM0 frame begins here")
    if error is None:
        assert all(frame.rate in pcm0.RATES and frame.channels in pcm0.CHANNELS for frame in found)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ((7_999, 0, 1), "sample rate 7999 Hz is outside 8000..192000"),
        ((192_001, 0, 1), "sample rate 192001 Hz"),
        ((24_000, 0, 0), "0 channels are outside 1..8"),
        ((24_000, 0, 9), "9 channels"),
        ((24_000, (1 << 24) + 1, 1), "16777217 samples are more than 16777216"),
        ((24_000, 0xFFFFFFFF, 8), "4294967295 samples"),
    ],
)
def test_headers_out_of_range(fields: tuple[int, int, int], reason: str) -> None:
    good = pcm0.encode_end(24_000)
    found, error = read([good + struct.pack("<4sIII", b"PCM0", *fields)])
    assert len(found) == 1
    assert error is not None
    assert error.startswith(f"byte 16: {reason}")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_samples_that_are_not_finite(value: float) -> None:
    data = pcm0.encode(pcm0.Frame(24_000, struct.pack("<3f", 0.0, value, 0.0)))
    assert read([data]) == ([], "byte 0: a sample is not a finite number")


def test_the_largest_samples_are_finite() -> None:
    loud = struct.pack("<4096f", *[3.4028234e38] * 4096)
    assert read([pcm0.encode(pcm0.Frame(24_000, loud))])[1] is None


def test_another_format_is_refused_at_its_first_bytes() -> None:
    assert read([b"RI"])[1] == "byte 0: no PCM0 frame begins here"
    reader = pcm0.Reader()
    with pytest.raises(Pcm0Error):
        list(reader.feed(b"x"))


def test_an_announced_length_allocates_nothing() -> None:
    header = struct.pack("<4sIII", b"PCM0", 24_000, 1 << 24, 8)
    tracemalloc.start()
    reader = pcm0.Reader()
    assert not list(reader.feed(header))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000
    with pytest.raises(Pcm0Error, match=r"byte 0: frame cut short: 16 of 536870928 bytes"):
        reader.close()


@pytest.mark.parametrize(
    "frame",
    [
        pcm0.Frame(24_000, b"\0" * 5),
        pcm0.Frame(100),
        pcm0.Frame(24_000, b"\0" * 36, 9),
    ],
)
def test_no_frame_is_written_that_no_reader_accepts(frame: pcm0.Frame) -> None:
    with pytest.raises(ValueError, match=r"samples|rate|channels"):
        pcm0.encode(frame)
