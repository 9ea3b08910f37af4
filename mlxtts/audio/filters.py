"""Filters of sound: the contract that each keeps, and what takes PCM0 frames through one.

A filter knows samples and nothing of frames, files or the command that runs it. It is told when an
utterance starts and when it ends; what it holds back in between is its own affair.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from mlxtts.audio.resample import Samples
from mlxtts.errors import WireError
from mlxtts.wire.pcm0 import MAX_SAMPLES, Frame


class Filter(Protocol):
    """Calls come as `start push* flush`, again for each utterance. The samples that come in are not
    to be changed in place."""

    def start(self, rate: int, channels: int) -> None:
        """An utterance begins: forget the last one."""

    def push(self, samples: Samples) -> Samples:
        """Take the samples of one frame, (n, channels); give those that are settled by them, of
        which there may be none."""

    def flush(self) -> Samples:
        """The utterance is over: give what is left of it."""


class Filtering:
    """PCM0 frames through a filter. What it holds leaves before the frame that ends an utterance,
    and before a change of rate or channels, after which it starts anew."""

    def __init__(self, filter: Filter) -> None:
        self._filter = filter
        self._form: tuple[int, int] | None = None
        """Rate and channels of the utterance that the filter is in."""

    def feed(self, frame: Frame) -> Iterator[Frame]:
        form = frame.rate, frame.channels
        if frame.is_end or form != self._form:
            yield from self.close()
        if frame.is_end:
            yield frame
            return
        if self._form is None:
            self._form = form
            self._filter.start(*form)
        yield from frames(self._filter.push(samples(frame)), *form)

    def close(self) -> Iterator[Frame]:
        """Say that nothing follows."""
        if self._form is not None:
            form, self._form = self._form, None
            yield from frames(self._filter.flush(), *form)

    def run(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The frames of a whole stream. If it breaks off, what it said by then is still heard."""
        try:
            for frame in frames:
                yield from self.feed(frame)
        except (WireError, OSError):
            yield from self.close()
            raise
        yield from self.close()


def samples(frame: Frame) -> Samples:
    """What a frame holds, (n, channels), not to be written to."""
    return np.frombuffer(frame.payload, "<f4").reshape(-1, frame.channels)


def frames(samples: Samples, rate: int, channels: int) -> Iterator[Frame]:
    """Frames of these samples: none for none, since that would mean an end, and several where one
    cannot hold them."""
    for at in range(0, len(samples), MAX_SAMPLES):
        piece = samples[at : at + MAX_SAMPLES]
        yield Frame(rate, piece.astype("<f4", copy=False).tobytes(), channels)
