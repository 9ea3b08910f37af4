"""PCM0 frames into one sound file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np

from mlxtts.audio.files import Writer, open_writer, rate_for
from mlxtts.audio.resample import Resample, Samples
from mlxtts.audio.sink import Output, Sink
from mlxtts.errors import AudioError
from mlxtts.wire.pcm0 import Frame

EMPTY = "wav", "raw"
"""Formats of files without a sample. To others, which no program would read, comes a silent one."""


def record(
    frames: Iterable[Frame],
    output: Output,
    form: tuple[str, str],
    rate: int | None = None,
    pause: float = 0,
) -> Recording:
    """All frames into one file of a format and subtype; returns what there is to say of it."""
    recording = Recording(output, *form, rate, pause)
    for frame in frames:
        recording.write(frame)
    recording.close()
    return recording


def begun(frames: Iterator[Frame]) -> Iterator[Iterator[Frame]]:
    """The same frames, once there is one: so that for none no file need be there."""
    for first in frames:
        yield chain([first], frames)


class Recording:
    """The file takes its rate, unless one is given, and its channels from the first frame; later
    frames of another rate are resampled. `pause`: seconds of silence after each utterance."""

    def __init__(
        self, output: Output, format: str, subtype: str, rate: int | None = None, pause: float = 0
    ) -> None:
        self._output = output
        self._form = format, subtype
        self.rate = rate
        self._pause = pause
        self._channels = 0
        self._source = 0
        self._resample: Resample | None = None
        self._writer: Writer | None = None
        self._length = 0
        self.clipped = 0
        """How many samples were beyond full scale and brought back to it."""

    def write(self, frame: Frame) -> None:
        """Raises AudioError for a frame that has not as many channels as the first."""
        self._open(frame)
        if frame.is_end:
            self._flush()
            self._rest()
        else:
            assert self._resample
            samples = np.frombuffer(frame.payload, "<f4").reshape(-1, self._channels)
            self._put(self._resample.push(samples))

    @property
    def seconds(self) -> float:
        """The length of what was written."""
        return self._length / (self.rate or 1)

    def close(self) -> None:
        self._flush()
        if self._writer:
            if not (self._length or self._form[0] in EMPTY):
                self._put(np.zeros((1, self._channels), np.float32))
            self._writer.close()

    def _open(self, frame: Frame) -> None:
        if self._writer is None:
            self.rate = self.rate or rate_for(self._form[0], frame.rate)
            self._channels = frame.channels
            self._writer = open_writer(Sink(self._output), *self._form, self.rate, self._channels)
        if frame.channels != self._channels:
            raise AudioError(f"{frame.channels} channels after {self._channels}")
        if frame.rate != self._source:
            self._flush()
            assert self.rate
            self._source = frame.rate
            self._resample = Resample(frame.rate, self.rate, self._channels)

    def _rest(self) -> None:
        """The silence after an utterance, a second at a time."""
        assert self.rate
        left = round(self._pause * self.rate)
        while left:
            part = min(left, self.rate)
            self._put(np.zeros((part, self._channels), np.float32))
            left -= part

    def _flush(self) -> None:
        if self._resample:
            self._put(self._resample.flush())

    def _put(self, samples: Samples) -> None:
        assert self._writer
        if self._form[1] != "FLOAT":
            within = np.clip(samples, -1, 1)
            self.clipped += int(np.count_nonzero(within != samples))
            samples = within
        self._length += len(samples)
        self._writer.write(samples)
