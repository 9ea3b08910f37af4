"""A codec that is easy to reckon with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlxtts.codecs import Samples, Span
from mlxtts.nn import mx


class Codec:
    """Two codes a frame; a frame is ten samples of its first code as hundredths; lags a frame."""

    rate = 8_000
    frame_codes = 2
    frame_samples = 10
    lag = 10

    def __init__(self) -> None:
        self.streams: list[tuple[list[int], int | None, int | None]] = []
        self.chunks: list[int] = []
        self.calls: list[tuple[str, int]] = []

    def refusal(self, codes: Sequence[int]) -> str | None:
        return None if len(codes) == 2 else "not two"

    def stream(
        self, key: mx.array, lookahead: int | None, first: int | None, extra: Any = None
    ) -> Stream:
        self.streams.append((key[0].tolist(), lookahead, first))
        return Stream(self)

    def push(
        self, streams: Sequence[Stream], frames: Sequence[Sequence[Sequence[int]]]
    ) -> list[Samples]:
        self.calls.append(("push", len(streams)))
        assert len({len(f) for f in frames}) == 1
        return [stream.push(f) for stream, f in zip(streams, frames, strict=True)]

    def flush(self, streams: Sequence[Stream]) -> list[Samples]:
        self.calls.append(("flush", len(streams)))
        return [stream.flush() for stream in streams]


class Stream:
    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._held: list[float] = []

    def push(self, frames: Sequence[Sequence[int]]) -> Samples:
        self._codec.chunks.append(len(frames))
        samples = self._held + [frame[0] / 100 for frame in frames for _ in range(10)]
        self._held = samples[-10:]
        return np.array(samples[:-10], np.float32)

    def span(self, frame: int) -> Span:
        return Span(10 * frame, 10 * frame + 10)

    def flush(self) -> Samples:
        held, self._held = self._held, []
        return np.array(held, np.float32)
