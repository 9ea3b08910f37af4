"""Phonemes to sound: a frame is a segment of phonemes, spoken in one go.

Of `extra` in wire.tokens.Begin it takes `voice`, a voice or a blend, and `speed`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlxtts.codecs import Samples, Span
from mlxtts.codecs.kokoro.checkpoint import read
from mlxtts.codecs.kokoro.config import SAMPLE_RATE, Config
from mlxtts.codecs.kokoro.network import Network
from mlxtts.codecs.kokoro.voices import Voices, parse
from mlxtts.errors import UsageError
from mlxtts.nn import mx
from mlxtts.nn.ragged import rounded
from mlxtts.nn.random import fold

SPEEDS = (0.5, 2.0)
FADE = 0.005  # seconds; a segment neither begins nor ends with a jump
PUNCTUATION = set(';:,.!?—…"()“”')


def load(path: Path) -> Codec:
    """The codec in the folder `path`: config.json, weights and voices."""
    config = Config.read(path / "config.json")
    return Codec(read(path, config), Voices(path))


class Codec:
    """Implements codecs.Codec."""

    rate = SAMPLE_RATE
    frame_codes = 0

    def __init__(self, network: Network, voices: Voices) -> None:
        self.network = network
        self.config = network.config
        self.voices = voices

    def refusal(self, codes: Sequence[int] | str) -> str | None:
        if not isinstance(codes, str):
            return "numbers, where a frame has phonemes"
        if len(codes) > self.config.longest:
            return f"{len(codes)} phonemes, where a frame has at most {self.config.longest}"
        if outside := sorted(set(codes) - self.config.vocab.keys()):
            return f"not phonemes of Kokoro: {', '.join(map(repr, outside))}"
        return None

    def stream(
        self,
        key: mx.array,
        lookahead: int | None = None,
        first: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Stream:
        """There is nothing to wait for: what is pushed is complete."""
        extra = extra or {}
        voice, speed = extra.get("voice"), extra.get("speed", 1)
        if not isinstance(voice, str):
            raise UsageError("no voice")
        if type(speed) not in (int, float) or not SPEEDS[0] <= speed <= SPEEDS[1]:
            raise UsageError(f"speed must be {SPEEDS[0]} to {SPEEDS[1]}")
        shares = parse(voice)
        self.voices.check(shares)
        return Stream(self, key, shares, float(speed))

    def push(self, streams: Sequence[Stream], frames: Sequence[Sequence[str]]) -> list[Samples]:
        pieces: list[list[mx.array]] = [[] for _ in streams]
        for turn in zip(*frames, strict=True):
            for row, samples in enumerate(self._speak(streams, turn)):
                pieces[row].append(samples)
        mx.eval(pieces)
        return [np.concatenate([np.asarray(samples) for samples in row]) for row in pieces]

    def flush(self, streams: Sequence[Stream]) -> list[Samples]:
        return [np.zeros(0, np.float32) for _ in streams]

    def lasting(self, voice: str, phonemes: str) -> mx.array:
        """The logits of each phoneme, and both ends, lasting for another frame, (T, max_dur)."""
        style = self.voices.style(parse(voice), len(phonemes))
        return self.network.lasting([self._ids(phonemes)], style[None])[0]

    def _ids(self, phonemes: str) -> list[int]:
        return [0, *(self.config.vocab[symbol] for symbol in phonemes), 0]

    def _speak(self, streams: Sequence[Stream], phonemes: Sequence[str]) -> list[mx.array]:
        """One segment of each stream."""
        network = self.network
        pairs = [*zip(streams, phonemes, strict=True)]
        pairs += pairs[:1] * (rounded(len(pairs)) - len(pairs))  # which nobody hears
        ids = [self._ids(text) for _, text in pairs]
        styles = mx.stack([self.voices.style(stream.shares, len(text)) for stream, text in pairs])
        durations, known = network.durations(ids, styles, [stream.speed for stream, _ in pairs])
        keys = [fold(stream.key, len(stream.spans)) for stream, _ in pairs]
        noise = network.noise(keys, durations)
        samples = network.samples(ids, styles, durations, known, noise)
        spoken = []
        for row, stream in enumerate(streams):
            span = stream.take(phonemes[row], durations[row], network.frame_samples)
            spoken.append(_faded(samples[row, : span.stop - span.start]))
        return spoken


class Stream:
    """Implements codecs.Stream."""

    def __init__(self, codec: Codec, key: mx.array, shares: dict[str, float], speed: float) -> None:
        self._codec = codec
        self.key, self.shares, self.speed = key, shares, speed
        self.spans: list[Span] = []

    def push(self, frames: Sequence[str]) -> Samples:
        return self._codec.push([self], [frames])[0]

    def flush(self) -> Samples:
        return self._codec.flush([self])[0]

    def span(self, frame: int) -> Span:
        return self.spans[frame]

    def take(self, phonemes: str, durations: Sequence[int], size: int) -> Span:
        """Note where a segment is, whose phonemes and both ends last so many frames of `size`
        samples."""
        start = self.spans[-1].stop if self.spans else 0
        places = start + size * np.cumsum([0, *durations])
        words, at = [], 1
        for group in phonemes.split(" "):
            said = len(group.rstrip("".join(PUNCTUATION))) or len(group)
            words.append((int(places[at]), int(places[at + said])))
            at += len(group) + 1
        self.spans.append(Span(start, int(places[-1]), tuple(words)))
        return self.spans[-1]


def _faded(samples: mx.array) -> mx.array:
    length = min(round(FADE * SAMPLE_RATE), len(samples) // 2)
    ramp = (mx.arange(length) + 0.5) / length
    return mx.concatenate(
        [samples[:length] * ramp, samples[length:-length], samples[-length:] * ramp[::-1]]
    )
