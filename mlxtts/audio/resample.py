"""Sample rate conversion of streams, with soxr."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
"""(n, channels), full scale 1."""


class Resample:
    """`push` samples at one rate, get them at another; `flush` ends the stream and begins anew.

    Equal rates pass unchanged.
    """

    def __init__(self, source: int, target: int, channels: int) -> None:
        self._rates = source, target
        self._channels = channels
        self._stream = self._new()

    def push(self, samples: Samples, last: bool = False) -> Samples:
        if self._stream is None:
            return samples
        converted: Samples = self._stream.resample_chunk(samples, last=last)
        return converted.reshape(-1, self._channels)

    def flush(self) -> Samples:
        rest = self.push(np.zeros((0, self._channels), np.float32), last=True)
        self._stream = self._new()
        return rest

    def _new(self):  # type: ignore[no-untyped-def]
        if self._rates[0] == self._rates[1]:
            return None
        import soxr

        return soxr.ResampleStream(*self._rates, self._channels, dtype="float32")
