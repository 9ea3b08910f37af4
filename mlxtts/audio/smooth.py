"""Crossfades at the seams of frames, for sound whose frames do not fit together.

The end of a frame goes on, mirrored, under the beginning of the next and fades out there while that
fades in. So the length is kept and nothing waits; the price is that a little of the sound before a
seam is heard again after it. Where the frames fitted, that only does harm.
"""

from __future__ import annotations

import numpy as np

from mlxtts.audio.resample import Samples
from mlxtts.errors import UsageError

MAX_MS = 1000


class Smooth:
    """The filter (see filters.Filter) with crossfades of so many milliseconds; 0 changes nothing.

    With samples a(i) before a seam, counted back from it, and b(i) after it, what leaves is
    w(i) a(i) + (1 - w(i)) b(i), w falling from 1 to 0 as half a cosine: no step is greater than the
    steps of both, and pi / 2n of their difference, over n samples.
    """

    def __init__(self, crossfade_ms: float) -> None:
        if not 0 <= crossfade_ms <= MAX_MS:
            raise UsageError(f"a crossfade must be 0 to {MAX_MS} ms, not {crossfade_ms:g}")
        self._seconds = crossfade_ms / 1000
        self.start(1, 1)

    def start(self, rate: int, channels: int) -> None:
        self._length = round(self._seconds * rate)
        self._before = np.zeros((0, channels), np.float32)

    def push(self, samples: Samples) -> Samples:
        count = min(self._length, len(self._before), len(samples))
        faded = crossfade(self._before[::-1][:count], samples[:count])
        samples = np.concatenate([faded, samples[count:]])
        self._remember(samples)
        return samples

    def flush(self) -> Samples:
        return self._before[:0]

    def _remember(self, samples: Samples) -> None:
        before = np.concatenate([self._before, samples[-self._length :]])
        self._before = before[len(before) - min(self._length, len(before)) :]


def crossfade(old: Samples, new: Samples) -> Samples:
    """From one to the other, which are of the same length."""
    phase = np.arange(1, len(old) + 1) / (len(old) + 1)
    fade = (0.5 + 0.5 * np.cos(np.pi * phase))[:, None]
    mixed: Samples = (fade * old + (1 - fade) * new).astype(np.float32)
    return mixed
