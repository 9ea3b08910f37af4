"""Lengths in headers, whole and damaged."""

import struct
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxtts.audio import wav
from mlxtts.audio.announced import MOST, Announced, announced

WAV = wav.header(24_000, 1, "PCM_16", 480) + bytes(480)


def of(data: bytes) -> Announced | None:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        return announced(file.fileno())


def chunk(name: bytes, data: bytes, order: str = "<") -> bytes:
    return struct.pack(f"{order}4sI", name, len(data)) + data + bytes(len(data) % 2)


@pytest.mark.parametrize("before", [b"", chunk(b"LIST", b"odd"), chunk(b"bext", bytes(602))])
def test_other_chunks_may_come_before_the_sound(before: bytes) -> None:
    assert of(WAV[:12] + before + WAV[12:]) == Announced(44 + len(before), 480)


def test_kinds() -> None:
    big = b"RIFX" + bytes(4) + b"WAVE" + chunk(b"data", b"1234", ">")
    assert of(big) == Announced(20, 4)
    assert of(b"FORM" + bytes(4) + b"AIFF" + chunk(b"SSND", bytes(8 + 6), ">")) == Announced(28, 6)
    assert of(struct.pack(">4sII", b".snd", 24, 8)) == Announced(24, 8)
    assert of(struct.pack(">4sII", b".snd", 24, 0xFFFFFFFF)) == Announced(24, None)
    sizes = struct.pack("<QQQI", 1 << 33, 1 << 32, 1 << 31, 0)
    long = b"RF64" + b"\xff" * 4 + b"WAVE" + chunk(b"ds64", sizes) + b"data" + b"\xff" * 4
    assert of(long) == Announced(56, 1 << 32)
    w64 = b"riff".ljust(24) + b"wave".ljust(16)
    w64 += struct.pack("<16sQ", b"fmt ", 30) + bytes(8) + struct.pack("<16sQ", b"data", 24 + 6)
    assert of(w64) == Announced(40 + 32 + 24, 6)
    assert of(w64[:-8] + b"\xff" * 7 + b"\x7f") == Announced(96, None)
    assert of(b"fLaC" + WAV) is None


@given(st.integers(0, len(WAV) - 1))
def test_headers_that_are_cut_short(size: int) -> None:
    assert of(WAV[:size]) == (Announced(44, 480) if size >= 44 else None)


@given(
    st.sampled_from([b"RIFF", b"RF64", b"RIFX", b"FORM", b".snd", b"riff", b"OggS", b""]),
    st.binary(),
)
def test_noise_is_no_header(magic: bytes, noise: bytes) -> None:
    found = of(magic + noise)
    assert found is None or found.begin >= 0


def test_zeros_are_given_up_soon() -> None:
    assert of(WAV[:12] + bytes(8 * MOST) + WAV[12:]) is None
