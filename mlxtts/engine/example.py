"""A recording as an example of a voice: its sound in a codec's frames, and what is said in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from mlxtts.audio.reading import read
from mlxtts.codecs import Encoder
from mlxtts.errors import UsageError, subject
from mlxtts.models import Example
from mlxtts.nn import mx

Recording = str | Path | npt.NDArray[np.float32]
"""A sound file, or (n,) samples at the model's rate."""


def listen(encoder: Encoder, recording: Recording, text: str, rate: int, longest: float) -> Example:
    """Raises OSError and AudioError for a file that cannot be read, UsageError for a recording
    without sound or longer than so many seconds."""
    samples = np.asarray(_samples(recording, rate), dtype=np.float32)
    if samples.ndim != 1 or not 0 < len(samples) <= longest * rate:
        raise UsageError(f"a recording for its voice must be one of 0 to {longest:g} s")
    return Example(text, encoder.encode(mx.array(samples)))


def _samples(recording: Recording, rate: int) -> npt.NDArray[np.float32]:
    if isinstance(recording, np.ndarray):
        return recording
    with Path(recording).open("rb") as file, subject(str(recording)):
        payload = b"".join(frame.payload for frame in read(file, rate, mono=True))
    return np.frombuffer(payload, np.float32)
