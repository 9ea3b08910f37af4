"""What can be told of sound that goes by: how much, how loud, how fast. It is told the time, and
looks at no clock."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mlxtts.audio.filters import samples
from mlxtts.audio.resample import Samples
from mlxtts.wire.pcm0 import Frame

SILENCE = 10 ** (-50 / 20)
BLOCK = 0.01  # seconds; a block in which nothing is louder than SILENCE is silence
FLOOR = -200.0  # dB, for no sound at all


class Meter:
    """Reads frames, each with the seconds since the command began at which it came."""

    def __init__(self) -> None:
        self.rate = self.channels = 0
        """Of the latest frame."""
        self.frames = self.utterances = 0
        self.sound = self.silence = 0.0  # seconds
        self.first = self.last = 0.0
        """When the first and the latest frame came."""
        self.audible: float | None = None
        """When the first sample louder than SILENCE can be heard by who plays what comes."""
        self.wait = 0.0
        """How long a player must have waited before an utterance to play it without a gap."""
        self.clipped = 0
        """Samples beyond full scale."""
        self._peak = self._squares = 0.0
        self._count = 0
        self._block = np.zeros(0, np.float32)  # the beginning of one: the loudest of all channels
        self._began = 0.0
        self._said = 0.0  # seconds of the utterance that have come
        self.level = FLOOR
        """Of the latest frame, in dB."""

    def read(self, frame: Frame, now: float) -> None:
        if not self.frames:
            self.first = now
        self.last = now
        self.frames += 1
        if (frame.rate, frame.channels) != (self.rate, self.channels) or frame.is_end:
            self._end_blocks()
        self.rate, self.channels = frame.rate, frame.channels
        if frame.is_end:
            self.utterances += 1
            self._said = 0.0
        else:
            self._time(frame.num_samples / frame.rate, now)
            self._measure(samples(frame))

    def close(self) -> None:
        """Say that nothing follows."""
        self._end_blocks()
        self.utterances += self._said > 0

    @property
    def peak(self) -> float:
        """dB below full scale."""
        return decibels(self._peak)

    @property
    def rms(self) -> float:
        """dB below full scale."""
        return decibels(math.sqrt(self._squares / max(1, self._count)))

    @property
    def speed(self) -> float:
        """Seconds of sound in a second since the command began."""
        return self.sound / self.last if self.last else 0.0

    def report(self) -> dict[str, Any]:
        """Everything, rounded, for JSON."""
        return {
            "rate": self.rate,
            "channels": self.channels,
            "frames": self.frames,
            "utterances": self.utterances,
            "seconds": round(self.sound, 4),
            "elapsed": round(self.last, 4),
            "times_real_time": round(self.speed, 3),
            "first_frame": round(self.first, 4),
            "first_audible": None if self.audible is None else round(self.audible, 4),
            "buffer_needed": round(self.wait, 4),
            "peak_db": round(self.peak, 2),
            "rms_db": round(self.rms, 2),
            "silence": round(self.silence, 4),
            "clipped": self.clipped,
        }

    def summary(self) -> str:
        """The same in words."""
        heard = "never" if self.audible is None else f"after {self.audible:.2f} s"
        return (
            f"{self.sound:.2f} s at {self.rate} Hz, utterances {self.utterances}, "
            f"{self.speed:.2f} times real time, first frame after {self.first:.2f} s, "
            f"audible {heard}, buffer needed {1000 * self.wait:.0f} ms, peak {self.peak:.1f} dB, "
            f"RMS {self.rms:.1f} dB, silence {self.silence:.2f} s, clipped {self.clipped}"
        )

    def live(self) -> str:
        """How things stand now, in less than the width of a terminal."""
        bar = "#" * round(max(0.0, min(self.level + 60, 60.0)) / 2)
        return f"{self.sound:8.1f} s {self.speed:7.2f} x {self.level:7.1f} dB |{bar:30}|"

    def _time(self, length: float, now: float) -> None:
        if not self._said:
            self._began = now
        self.wait = max(self.wait, now - self._began - self._said)
        self._said += length
        self.sound += length

    def _measure(self, samples: Samples) -> None:
        loudness = np.abs(samples)
        squares = float(np.square(samples, dtype=np.float64).sum())
        self._peak = max(self._peak, float(loudness.max()))
        self._squares += squares
        self._count += samples.size
        self.level = decibels(math.sqrt(squares / samples.size))
        self.clipped += int(np.count_nonzero(loudness > 1))
        loudest = loudness.max(axis=1)
        self._listen(loudest)
        self._count_silence(loudest)

    def _listen(self, loudest: Samples) -> None:
        if self.audible is None and loudest.max() > SILENCE:
            before = self._said - (len(loudest) - int(np.argmax(loudest > SILENCE))) / self.rate
            self.audible = max(self.last, self._began + before)

    def _count_silence(self, loudest: Samples) -> None:
        size = round(BLOCK * self.rate)
        block = np.concatenate([self._block, loudest])
        whole = len(block) - len(block) % size
        quiet = block[:whole].reshape(-1, size).max(axis=1) <= SILENCE
        self.silence += int(np.count_nonzero(quiet)) * size / self.rate
        self._block = block[whole:]

    def _end_blocks(self) -> None:
        if len(self._block) and self._block.max() <= SILENCE:
            self.silence += len(self._block) / self.rate
        self._block = self._block[:0]


def decibels(amplitude: float) -> float:
    return max(20 * math.log10(amplitude), FLOOR) if amplitude > 0 else FLOOR
