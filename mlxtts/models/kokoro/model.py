"""A segment's phonemes as its only frame: what is to be said has been found out by then."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from mlxtts.codecs.kokoro import Codec
from mlxtts.codecs.kokoro import load as load_codec
from mlxtts.errors import OptionError
from mlxtts.models import Example, Frame
from mlxtts.models.kokoro.config import Config
from mlxtts.nn import mx
from mlxtts.nn.sampling import Sampling
from mlxtts.text.frontend import Segment


def load(folder: Path, config: Config) -> Model:
    """What text becomes is known without weights; they are read if they are asked for."""
    return Model(config, folder)


class Prompt:
    """Implements models.Prompt."""

    left = 0

    def __init__(self, segment: Segment) -> None:
        self.frames = [Frame(segment.phonemes, segment.words)]


class Frames:
    """Implements models.Frames."""

    def __init__(self, frames: list[Frame | None]) -> None:
        self._frames = frames

    def read(self) -> list[Frame | None]:
        return self._frames


class Batch:
    """Implements models.Batch."""

    def __init__(self) -> None:
        self._rows: list[Prompt] = []

    def read(self, pieces: Sequence[tuple[Prompt, int]]) -> None:
        """All of it is known."""

    def join(self, prompt: Prompt) -> None:
        self._rows.append(prompt)

    def leave(self, row: int) -> None:
        self._rows[row] = self._rows[-1]
        del self._rows[-1]

    def frame(self) -> Frames:
        return Frames([row.frames.pop() if row.frames else None for row in self._rows])


class Model:
    """Implements models.Model."""

    def __init__(self, config: Config, folder: Path) -> None:
        self.config = config
        self._folder = folder

    @cached_property
    def codec(self) -> Codec:
        return load_codec(self._folder)

    def prompt(
        self,
        segment: Segment,
        voice: str,
        sampling: Sampling,
        keys: mx.array,
        example: Example | None = None,
    ) -> Prompt:
        return Prompt(segment)

    def batch(self, width: int = 1, cache_bits: int = 16) -> Batch:
        if cache_bits != 16:
            raise OptionError("cache_bits", "this model keeps no keys and values", cache_bits)
        return Batch()

    def expectations(self, text: str, voice: str, frames: Sequence[str]) -> list[mx.array]:
        """Of each phoneme and each frame that it may last: whether it lasts for it, or not."""
        found = []
        for phonemes in frames:
            logits = self.codec.lasting(voice, phonemes).reshape(-1)
            both = mx.stack([logits, -logits], axis=-1)
            found.append(-mx.logaddexp(mx.zeros_like(both), -both))
        return found
