"""A text said in one way: how that is asked for, and what came when.

It is said through the functions that programs use, on a model that has been loaded and has already
spoken, so that times are those of the way and not of the first time.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from mlxtts.api.generate import Metadata, generate_audio_with_callback
from mlxtts.api.processing import StreamingAudioProcessor
from mlxtts.api.speech import Array, Speech
from mlxtts.audio.meter import Meter
from mlxtts.codecs.utterance import Options
from mlxtts.errors import UsageError
from mlxtts.wire.pcm0 import Frame

ALL = 1_000_000  # frames: more than any segment has
FRAMES = 3  # to decode at once
WARM = "Yes."
METHODS = {
    "normal": "all codes first, decoded in one go",
    "streaming": "decoded as the codes come",
    "processed": "the same, crossfaded where chunks meet",
    "callback": "the same as streaming, by a callback",
    "early": "streaming, the first chunk without lookahead",
}


@dataclass(frozen=True)
class Take:
    """What is asked for. What is None is the model's or the method's own.

    chunk_tokens: codes that a streaming method decodes at once; by default those of three frames.
    chunk_ms: length of the chunks; by default as they are decoded.
    lookahead: frames; None is exact.
    """

    model: str = "starter"
    method: str = "normal"
    voice: str | None = None
    seed: int = 0
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    max_tokens: int | None = None
    chunk_tokens: int | None = None
    chunk_ms: float | None = None
    lookahead: int | None = None
    crossfade_ms: float = 10.0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UsageError(f"method {self.method!r}: must be {', '.join(METHODS)}")
        if self.lookahead is not None and self.lookahead < 0:
            raise UsageError(f"lookahead {self.lookahead}: must be at least 0")
        if self.lookahead is not None and self.method in ("callback", "early"):
            raise UsageError(f"lookahead {self.lookahead}: method {self.method} has its own")

    def but(self, changes: str) -> Take:
        """Another, with `NAME=VALUE,...` changed; how to stream means to stream. Raises UsageError
        for what there is not."""
        given = dict(_change(change.strip()) for change in changes.split(","))
        if "method" not in given and given.keys() & set(STREAMING):
            given["method"] = "processed" if "crossfade_ms" in given else "streaming"
        return replace(self, **given)  # type: ignore[arg-type]

    def sampling(self) -> dict[str, float | None]:
        return {name: getattr(self, name) for name in SAMPLING}

    def options(self, frame: int) -> Options:
        """How to decode, with so many codes in a frame, or 0 if it has any number of them."""
        if self.method == "normal":
            return Options(chunk_tokens=ALL * frame or None)
        return Options(
            lookahead=self.lookahead,
            first=0 if self.method == "early" else None,
            chunk_tokens=self.chunk_tokens or FRAMES * frame or None,
            chunk_ms=self.chunk_ms,
        )


SAMPLING = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")
STREAMING = ("chunk_tokens", "chunk_ms", "lookahead", "crossfade_ms")
KINDS: dict[str, Callable[[str], object]] = {"str": str, "int": int, "float": float}


def _change(text: str) -> tuple[str, object]:
    kinds = {field.name: str(field.type).partition(" ")[0] for field in fields(Take)}
    name, equals, value = text.partition("=")
    name = name.replace("-", "_")
    if not equals or name not in kinds:
        raise UsageError(f"{text!r}: must be NAME=VALUE, with one of {', '.join(kinds)}")
    try:
        return name, KINDS[kinds[name]](value)
    except ValueError:
        raise UsageError(f"{text!r}: not a number") from None


def plan(models: list[str], methods: list[str], also: list[str], base: Take) -> dict[str, Take]:
    """The takes by name, the baseline first: each method on each model, and then `base` with each
    of the changes. Without methods all of them, or with several models the first."""
    methods = methods or [*METHODS][: 1 if len(models) > 1 else None]
    takes: dict[str, Take] = {}
    for model in models:
        for method in methods:
            name = f"{method}, {model}" if len(models) > 1 else method
            takes[name] = replace(base, model=model, method=method)
    base = next(iter(takes.values()))
    return takes | {changes: base.but(changes) for changes in also}


@dataclass
class Recording:
    """What came: the sound, where each chunk begins, when it was there, in seconds since the work
    began, and what a meter says of it."""

    take: Take
    rate: int
    sound: Array
    seams: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    meter: Meter = field(default_factory=Meter)

    @property
    def seconds(self) -> float:
        return len(self.sound) / self.rate


def record(take: Take, speech: Speech, text: str) -> Recording:
    """Raises TextError, VoiceError and UsageError."""
    chunks: list[Array] = []
    recording = Recording(take, speech.sample_rate, np.zeros(0, np.float32))
    begin = time.perf_counter()

    def hear(samples: Array, _: object = None) -> None:
        now = time.perf_counter() - begin
        recording.seams.append(sum(map(len, chunks)))
        recording.times.append(now)
        recording.meter.read(Frame(speech.sample_rate, samples.astype("<f4").tobytes()), now)
        chunks.append(samples)

    _speak(take, speech, text, hear)
    recording.meter.close()
    recording.sound = np.concatenate([recording.sound, *chunks])
    return recording


def warm(take: Take, speech: Speech) -> None:
    """Have the model say something, so that what is made once has been made."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        record(replace(take, method="streaming"), speech, WARM)


def _speak(
    take: Take, speech: Speech, text: str, hear: Callable[[Array, Metadata | None], None]
) -> None:
    options = take.options(speech.frame_codes)
    if take.method == "callback":
        given: dict[str, Any] = {n: x for n, x in take.sampling().items() if x is not None}
        generate_audio_with_callback(
            text,
            hear,
            speech,
            take.voice,
            streaming_chunk_tokens=options.chunk_tokens or 0,
            ultra_low_latency=False,
            output_chunk_duration_ms=take.chunk_ms,
            seed=take.seed,
            max_tokens=take.max_tokens,
            **given,
        )
        return
    processor = StreamingAudioProcessor(take.crossfade_ms, speech.sample_rate)
    for chunk in speech.speak(
        text,
        take.voice,
        seed=take.seed,
        sampling=speech.sampling(**take.sampling()),
        max_tokens=take.max_tokens,
        options=options,
    ):
        processed = take.method == "processed"
        hear(processor.process_chunk(chunk.samples) if processed else chunk.samples, None)
