"""Codecs: frames of codes to sound. Each is a folder here that defines `load(path) -> Codec` and
MODEL_TYPES, the values of `model_type` that its config.json may have, if it has one; and, if it
also makes codes of sound, `load_encoder(path) -> Encoder`.

A codec says of itself what generic code needs to know; only its own folder knows what codes mean.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from mlxtts.errors import ModelError
from mlxtts.nn import mx

Samples = npt.NDArray[np.float32]
"""(n,), off the device."""


Pending = Callable[[], list[Samples]]
"""Of several streams, samples that may still be under way on a GPU: waits for them."""


@dataclass(frozen=True)
class Span:
    """Where something is heard in its stream, samples start ... stop - 1, and its words likewise,
    if the codec can tell."""

    start: int
    stop: int
    words: tuple[tuple[int, int], ...] = ()


class Stream(Protocol):
    """One utterance being decoded. Its output, put together, does not depend on how its frames were
    divided among calls."""

    def push(self, frames: Sequence[Any]) -> Samples:
        """Decode further frames; returns the samples that are settled by them."""

    def flush(self) -> Samples:
        """Say that there are no more frames; returns the remaining samples."""

    def span(self, frame: int) -> Span:
        """Where the sound of a frame is, counted from 0, that has been pushed."""


class Codec(Protocol):
    rate: int
    """Samples a second."""
    frame_codes: int
    """Codes in a frame; 0 if it has any number of them."""

    def refusal(self, codes: Sequence[int] | str) -> str | None:
        """Why this is not a frame, or None if it is one."""

    def stream(
        self,
        key: mx.array,
        lookahead: int | None = None,
        first: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Stream:
        """Begin an utterance. `key`: see nn.random.key. `lookahead`: None waits for all that a
        sample depends on; a number waits for so many frames, and takes for silence what is beyond
        them. `first`, if given, is the lookahead of the first push. `extra`: what the stream of
        tokens says to the codec, see wire.tokens.Begin; raises UsageError for what it cannot take,
        VoiceError for a voice that it does not have."""

    def push(self, streams: Sequence[Any], frames: Sequence[Sequence[Any]]) -> list[Samples]:
        """`push` of several streams in one go, each with as many frames as the others. A stream
        shares memory with those that it was last pushed with."""

    def flush(self, streams: Sequence[Any]) -> list[Samples]:
        """`flush` of several streams in one go."""


@runtime_checkable
class Eager(Codec, Protocol):
    """A codec that can leave a GPU to its work."""

    def begin(
        self, streams: Sequence[Any], frames: Sequence[Sequence[Any]] | None = None
    ) -> Pending:
        """`push`, or `flush` without frames; the streams may be used further at once."""


class Encoder(Protocol):
    rate: int
    """Samples a second."""

    def encode(self, samples: mx.array) -> list[tuple[int, ...]]:
        """The frames of a recording, (n,) float32; silence is added to make the last one whole."""


def names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)


def recognised(raw: Mapping[str, Any]) -> bool:
    """Whether this is the config.json of a codec here, and has a `model_type`."""
    return any(raw.get("model_type") in _module(name).MODEL_TYPES for name in names())


def refused(codes: Sequence[int] | str, least: int, most: int, size: int) -> str | None:
    """`Codec.refusal` where a frame is from `least` to `most` numbers below `size`."""
    if isinstance(codes, str):
        return "symbols, where a frame has numbers"
    if not least <= len(codes) <= most:
        wanted = f"{most}" if least == most else f"{least} to {most}"
        return f"{len(codes)} codes, where a frame has {wanted}"
    if wrong := [code for code in codes if not 0 <= code < size]:
        return f"code {wrong[0]} is outside 0..{size - 1}"
    return None


def load(name: str, path: Path) -> Codec:
    """The codec `name` with the weights in the folder `path`."""
    codec: Codec = _module(name).load(path)
    return codec


def load_encoder(name: str, path: Path) -> Encoder:
    """What makes codes of the codec `name`, with the weights in the folder `path`."""
    module = _module(name)
    if not hasattr(module, "load_encoder"):
        raise ModelError(f"codec {name!r}: has no encoder here")
    encoder: Encoder = module.load_encoder(path)
    return encoder


def _module(name: str) -> ModuleType:
    if name not in names():
        raise ModelError(f"codec {name!r}: unknown; the codecs are {', '.join(names())}")
    return importlib.import_module(f"mlxtts.codecs.{name}")
