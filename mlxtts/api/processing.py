"""Chunks of sound from anywhere, made to fit together."""

from __future__ import annotations

import numpy as np

from mlxtts.api.speech import Array
from mlxtts.audio.smooth import Smooth


class StreamingAudioProcessor:
    """Crossfades at the seams of chunks that do not fit together, as other tools' streams have
    them. What mlxtts makes fits as it comes: there a crossfade only blurs.

    crossfade_ms: length of a crossfade in milliseconds, 0 to 1000; 0 changes nothing.
    sample_rate: of the chunks, in Hz.

    Raises UsageError for a length out of range.
    """

    def __init__(self, crossfade_ms: float = 10.0, sample_rate: int = 24_000) -> None:
        self._smooth = Smooth(crossfade_ms)
        self._smooth.start(sample_rate, 1)
        self._chunks: list[Array] = []

    def process_chunk(self, chunk: Array) -> Array:
        """Take the next chunk, (n,) mono; returns it, as long, joined to the one before."""
        samples = np.asarray(chunk, np.float32)
        if samples.ndim != 1:
            raise ValueError(f"a chunk must be (n,), not {samples.shape}")
        joined: Array = self._smooth.push(samples[:, None])[:, 0]
        self._chunks.append(joined)
        return joined

    def get_concatenated_audio(self) -> Array:
        """All so far, (n,)."""
        return np.concatenate([np.zeros(0, np.float32), *self._chunks])
