import struct

from hypothesis import given
from hypothesis import strategies as st

from mlxtts.audio.chunks import Rechunk, Trim


def floats(*samples: float) -> bytes:
    return struct.pack(f"<{len(samples)}f", *samples)


@given(st.lists(st.integers(0, 30)), st.integers(1, 20), st.booleans())
def test_rechunk_keeps_the_samples(lengths: list[int], size: int, boundaries: bool) -> None:
    at = [sum(lengths[:n]) for n in range(len(lengths) + 1)]
    sent = [floats(*range(a, b)) for a, b in zip(at, at[1:], strict=False)]  # noqa: RUF007
    chunks = Rechunk(size, boundaries)
    pieces = [piece for data in sent for piece in chunks.push(data)] + chunks.flush()
    assert b"".join(pieces) == b"".join(sent)
    assert all(0 < len(piece) <= 4 * size for piece in pieces)
    if not boundaries:
        assert all(len(piece) == 4 * size for piece in pieces[:-1])


@given(st.lists(st.integers(1, 30), max_size=5))
def test_boundaries_are_kept(lengths: list[int]) -> None:
    chunks = Rechunk(7, boundaries=True)
    pieces = [[len(p) // 4 for p in chunks.push(floats(*[0] * n))] for n in lengths]
    assert pieces == [[7] * (n // 7) + [n % 7] * (n % 7 > 0) for n in lengths]


@given(st.integers(0, 40), st.integers(1, 10), st.integers(0, 10))
def test_trim_in_any_chunking(quiet: int, step: int, keep: int) -> None:
    samples = [0.01] * quiet + [0.5, 0.0, 0.2]
    trim = Trim(0.1, keep)
    out = b"".join(
        trim.push(floats(*samples[at : at + step])) for at in range(0, len(samples), step)
    )
    assert out == floats(*samples[max(0, quiet - keep) :])


def test_trim_of_silence_is_nothing() -> None:
    assert Trim(0.1, 2).push(floats(*[0.0] * 9)) == b""
