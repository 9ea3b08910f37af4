"""Models: text to a codec's codes. Each is a folder here that defines

    MODEL_TYPES                     values of `model_type` in config.json that it serves
    recognises(raw) -> bool         whether a config.json without one is of such a model
    read_config(folder) -> Config   what is known before the weights are loaded
    load(folder, config) -> Model

and for mlxtts.quantize

    weights(folder)                 the tensors of its checkpoint
    needed(weights, config)         of the tensors of a checkpoint those that the model has
    matrices(config)                those that may be quantised, a nn.recipes.Matrix each
    checkpoint(model)               the tensors of a loaded model as its checkpoint has them, or
                                    had them before it was quantised
    beside(folder)                  what it has beside weights, and not in safetensors: the name and
                                    the tensors of each file of these that it should be
    aliases(raw)                    what else other packages look for in such a config.json

Generic code knows models only through these; nothing guesses from a folder's name.
"""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Protocol

from mlxtts.errors import ModelError, VoiceError
from mlxtts.nn import mx
from mlxtts.nn.loading import read_json
from mlxtts.nn.sampling import Sampling
from mlxtts.text.frontend import Segment


class Config(Protocol):
    """What a model says of itself."""

    @property
    def codec(self) -> str:
        """The name of the codec whose codes it makes."""

    @property
    def codec_path(self) -> str:
        """Where that codec is, if the model's folder does not bring it."""

    @property
    def sample_rate(self) -> int: ...

    @property
    def voices(self) -> tuple[str, ...]:
        """The voices, the default first."""

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes, that of most voices first."""

    @property
    def tags(self) -> tuple[str, ...]:
        """Emotion tags that it acts out, as `laugh` for `<laugh>`."""

    @property
    def spoken_form(self) -> bool:
        """Whether it knows only words, so that numbers and the like must be spelled out."""

    @property
    def emphasis(self) -> bool:
        """Whether it speaks words within asterisks with emphasis."""

    @property
    def vocabulary(self) -> frozenset[str] | None:
        """The phonemes that it speaks, where it is phonemes that it speaks."""

    @property
    def speeds(self) -> tuple[float, float] | None:
        """The slowest and the fastest that it can speak of itself, 1 being normal."""

    def parts(self, voice: str) -> tuple[str, ...]:
        """The voices that this is a blend of. Raises UsageError for what is no blend."""

    def accent(self, voice: str) -> str:
        """The language of a voice, as `languages` or text.phonemes have it."""

    def extra(self, voice: str, speed: float | None) -> dict[str, Any]:
        """What its codec wants to know of an utterance."""

    @property
    def example_seconds(self) -> float:
        """How long a recording may be whose voice it is to take; 0 if it takes none."""

    @property
    def segment_length(self) -> int:
        """The most letters to be spoken in one go, as text.sentences counts them."""

    @property
    def segment_pause(self) -> float:
        """Seconds of silence between two of them."""

    @property
    def sampling(self) -> Sampling | None:
        """The settings it sounds best with; None if nothing is drawn."""

    @property
    def frame_codes(self) -> int:
        """0 if frames have any number of them."""

    def frame_limit(self, letters: int) -> int:
        """The most frames that the speech of a segment of this extent may have."""


class Plain:
    """What a model says of itself if there is nothing special about its voices."""

    vocabulary: ClassVar[None] = None
    speeds: ClassVar[None] = None
    example_seconds: ClassVar[float] = 0.0
    languages: tuple[str, ...]

    def parts(self, voice: str) -> tuple[str, ...]:
        return (voice,)

    def accent(self, voice: str) -> str:
        return self.languages[0]

    def extra(self, voice: str, speed: float | None) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class Example:
    """What somebody said whose voice is to be taken, in frames of the codec."""

    text: str
    frames: Sequence[Sequence[int]]


def patience(letters: int) -> float:
    """Seconds that the speech of so many letters may take: some four times what it should."""
    return 3.0 + 0.25 * letters


class Prompt(Protocol):
    """A segment whose speech has not begun."""

    @property
    def left(self) -> int:
        """How much of it has not been read yet, in the model's tokens; 0: it may join a batch."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a segment; see wire.tokens.Codes."""

    codes: tuple[int, ...] | str
    words: tuple[str, ...] = ()


class Frames(Protocol):
    """The next frame of each row, under way."""

    def read(self) -> list[Frame | None]:
        """Wait for them; None where there is none, because the speech ended before it."""


class Batch(Protocol):
    """Segments being spoken together, a frame at a time: its rows, in the order in which they
    joined, but that the last takes the place of one that leaves. Nothing is waited for here."""

    def read(self, pieces: Sequence[tuple[Any, int]]) -> None:
        """Read so much more of each of these prompts."""

    def join(self, prompt: Any) -> None:
        """Make a prompt that has been read the last row."""

    def leave(self, row: int) -> None: ...

    def frame(self) -> Frames:
        """Begin the next frame of each row."""


class Model(Protocol):
    @property
    def config(self) -> Any:
        """What `read_config` gave."""

    def prompt(
        self,
        segment: Segment,
        voice: str,
        sampling: Sampling,
        keys: mx.array,
        example: Example | None = None,
    ) -> Prompt:
        """What begins a segment. `keys`: see nn.random. `example`: only for a model whose
        configuration says that it takes one."""

    def batch(self, width: int = 1, cache_bits: int = 16) -> Batch:
        """One without rows, of which there will be at most `width`. `cache_bits`: 8 for keys and
        values in as many; raises UsageError where that cannot be."""

    def expectations(self, text: str, voice: str, frames: Sequence[Any]) -> list[mx.array]:
        """What the model expects where a segment is spoken in these frames: of each code, given all
        before it, the logarithm of the probability of each value, (codes, values), in groups that
        have the same values; and of the end after the last frame."""


def names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)


def find(folder: Path) -> ModuleType:
    """The module that serves the model in `folder`. Raises ModelError if none does."""
    path = folder / "config.json"
    return serving(read_json(path), str(path))


def serving(raw: dict[str, Any], where: str) -> ModuleType:
    """The module that serves models of this configuration, which is in `where`. Raises ModelError
    if none does."""
    kind = raw.get("model_type")
    for name in names():
        module = importlib.import_module(f"mlxtts.models.{name}")
        if kind in module.MODEL_TYPES or (kind is None and module.recognises(raw)):
            return module
    raise ModelError(f"{where}: model_type {kind!r} is not implemented")


def recognised(raw: dict[str, Any]) -> bool:
    """Whether this is the configuration of a model here."""
    with contextlib.suppress(ModelError):
        return bool(serving(raw, ""))
    return False


def choose_voice(config: Config, voice: str | None, language: str | None = None) -> str:
    """The voice asked for, or the first of the language. Raises VoiceError if the model does not
    have it, UsageError for a blend that it cannot make."""
    if voice is None:
        fitting = (name for name in config.voices if config.accent(name) == language)
        return next(fitting, config.voices[0])
    for part in config.parts(voice):
        if part not in config.voices:
            raise VoiceError(part, list(config.voices))
    return voice
