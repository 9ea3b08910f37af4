"""WAV and raw PCM, written so that a pipe can carry them; libsndfile refuses that for WAV.

The header announces the largest size, which sox, ffmpeg and players take as `until the end`; it is
put right at the end where the output can seek.
"""

from __future__ import annotations

import struct

import numpy as np

from mlxtts.audio.resample import Samples
from mlxtts.audio.sink import Sink

UNKNOWN = 0xFFFFFFFF
SUBTYPES = {"PCM_16": (1, 16), "PCM_24": (1, 24), "PCM_32": (1, 32), "FLOAT": (3, 32)}


def pcm(samples: Samples, subtype: str) -> bytes:
    """Samples, within full scale, as little-endian integers or floats."""
    code, bits = SUBTYPES[subtype]
    if code == 3:
        return samples.astype("<f4").tobytes()
    full = 1 << (bits - 1)
    integers = np.rint(samples.astype(np.float64) * full).clip(-full, full - 1).astype("<i4")
    if bits == 16:
        return integers.astype("<i2").tobytes()
    if bits == 24:
        return integers.reshape(-1, 1).view(np.uint8)[:, :3].tobytes()
    return integers.tobytes()


def header(rate: int, channels: int, subtype: str, size: int = UNKNOWN) -> bytes:
    """A RIFF header for `size` bytes of samples; formats other than integers need a longer one."""
    code, bits = SUBTYPES[subtype]
    block = channels * bits // 8
    form = struct.pack("<HHIIHH", code, channels, rate, rate * block, block, bits)
    chunks = _chunk(b"fmt ", form if code == 1 else form + b"\0\0")
    if code != 1:
        chunks += _chunk(b"fact", struct.pack("<I", UNKNOWN if size == UNKNOWN else size // block))
    total = min(4 + len(chunks) + 8 + size + size % 2, UNKNOWN)
    return (
        struct.pack("<4sI4s", b"RIFF", total, b"WAVE") + chunks + struct.pack("<4sI", b"data", size)
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack("<4sI", name, len(data)) + data


class PcmWriter:
    """WAV, or without a header raw PCM."""

    def __init__(self, sink: Sink, rate: int, channels: int, subtype: str, wav: bool) -> None:
        self._sink = sink
        self._form = rate, channels, subtype
        self._wav = wav
        self._size = 0
        if wav:
            sink.write(header(*self._form))

    def write(self, samples: Samples) -> None:
        data = pcm(samples, self._form[2])
        self._size += len(data)
        self._sink.write(data)

    def close(self) -> None:
        if self._wav and self._sink.correctable and self._size < UNKNOWN - 100:
            self._sink.write(b"\0" * (self._size % 2))
            self._sink.correct(0, header(*self._form, self._size))
