"""Codecs: frames of codes to sound. Each is a folder here that defines `load(path) -> Codec`.

A codec says of itself what generic code needs to know; only its own folder knows what codes mean.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from mlxtts.errors import ModelError
from mlxtts.nn import mx


class Stream(Protocol):
    """One utterance being decoded. Its output, put together, does not depend on how its frames were
    divided among calls."""

    def push(self, frames: Sequence[Sequence[int]]) -> mx.array:
        """Decode further frames; returns the samples, (n,) float32, that are settled by them."""

    def flush(self) -> mx.array:
        """Say that there are no more frames; returns the remaining samples."""


class Codec(Protocol):
    rate: int
    """Samples a second."""
    frame_codes: int
    """Codes in a frame."""
    frame_samples: int
    """Samples that a frame turns into."""
    lag: int
    """How many samples behind its frames an exact stream is."""

    def refusal(self, codes: Sequence[int]) -> str | None:
        """Why this is not a frame, or None if it is one."""

    def stream(
        self, key: mx.array, lookahead: int | None = None, first: int | None = None
    ) -> Stream:
        """Begin an utterance. `key`: see nn.random.key. `lookahead`: None waits for all that a
        sample depends on; a number waits for so many frames, and takes for silence what is beyond
        them. `first`, if given, is the lookahead of the first push."""

    def push(
        self, streams: Sequence[Any], frames: Sequence[Sequence[Sequence[int]]]
    ) -> list[mx.array]:
        """`push` of several streams in one go, each with as many frames as the others. A stream
        shares memory with those that it was last pushed with."""

    def flush(self, streams: Sequence[Any]) -> list[mx.array]:
        """`flush` of several streams in one go."""


def names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)


def load(name: str, path: Path) -> Codec:
    """The codec `name` with the weights in the folder `path`."""
    if name not in names():
        raise ModelError(f"codec {name!r}: unknown; the codecs are {', '.join(names())}")
    codec: Codec = importlib.import_module(f"mlxtts.codecs.{name}").load(path)
    return codec
