"""Cutting mono float32 bytes: equal lengths, and without the silence before speech."""

from __future__ import annotations

from array import array

WIDTH = 4  # bytes a sample


class Rechunk:
    """Pieces of `samples` samples, whatever the lengths that come. With `boundaries` no piece spans
    two of them."""

    def __init__(self, samples: int, boundaries: bool = False) -> None:
        self._size = samples * WIDTH
        self._boundaries = boundaries
        self._rest = b""

    def push(self, data: bytes) -> list[bytes]:
        data = self._rest + data
        whole = len(data) if self._boundaries else len(data) - len(data) % self._size
        self._rest = data[whole:]
        return [data[at : min(at + self._size, whole)] for at in range(0, whole, self._size)]

    def flush(self) -> list[bytes]:
        rest, self._rest = self._rest, b""
        return [rest] if rest else []


class Trim:
    """Drops what comes before the first sample louder than `threshold`, but for `keep` samples."""

    def __init__(self, threshold: float, keep: int) -> None:
        self._threshold = threshold
        self._keep = keep
        self._held = b""
        self._open = False

    def push(self, data: bytes) -> bytes:
        if self._open:
            return data
        data = self._held + data
        samples = array("f", data)
        loud = (at for at, sample in enumerate(samples) if abs(sample) > self._threshold)
        onset = next(loud, None)
        self._open = onset is not None
        start = max(0, (len(samples) if onset is None else onset) - self._keep) * WIDTH
        self._held = b"" if self._open else data[start:]
        return data[start:] if self._open else b""
