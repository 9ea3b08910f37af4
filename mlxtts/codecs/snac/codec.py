"""SNAC frames to samples: the quantiser's tables, the decoder, and a stream through both."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlxtts.codecs.snac.checkpoint import sanitize
from mlxtts.codecs.snac.config import Config
from mlxtts.codecs.snac.decoder import Convolution, Decoder, State
from mlxtts.nn import Module, conv, mx
from mlxtts.nn.loading import load as load_weights
from mlxtts.nn.loading import read_checkpoint


def load(path: Path) -> Codec:
    """The codec in the folder `path`: config.json and safetensors."""
    codec = Codec(Config.read(path / "config.json"))
    load_weights(codec, sanitize(read_checkpoint(path)), path)
    return codec


class Table(Module):
    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.weight = mx.zeros((size, width))


class Quantizer(Module):
    """One level: a code to its vector, and that to latents."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.codebook = Table(config.codebook_size, config.codebook_dim)
        self.out_proj = Convolution(config.codebook_dim, config.latents, bias=config.latents)

    def __call__(self, codes: mx.array) -> mx.array:
        return conv.pointwise(self.codebook.weight[codes], self.out_proj.weight, self.out_proj.bias)


class Quantizers(Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.quantizers: list[Any] = [Quantizer(config) for _ in config.vq_strides]


class Codec(Module):
    """Implements codecs.Codec. A frame is one code of the coarsest level and those of the finer
    levels below it, in the order of `Config.layout`."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.rate = config.sampling_rate
        self.frame_codes = len(config.layout)
        self.frame_samples = config.frame_samples
        self.quantizer = Quantizers(config)
        self.decoder = Decoder(config)
        self.lag = self.decoder.lag
        self._slots = [
            mx.array([slot for slot, at in enumerate(config.layout) if at == level])
            for level in range(len(config.vq_strides))
        ]

    def refusal(self, codes: Sequence[int]) -> str | None:
        if len(codes) != self.frame_codes:
            return f"{len(codes)} codes, where a frame has {self.frame_codes}"
        if max(codes) >= self.config.codebook_size or min(codes) < 0:
            return f"code {max(codes)} is outside 0..{self.config.codebook_size - 1}"
        return None

    def stream(
        self, key: mx.array, lookahead: int | None = None, first: int | None = None
    ) -> Stream:
        return Stream(self, key, lookahead, first)

    def latents(self, frames: mx.array) -> mx.array:
        """(B, F, frame_codes) codes to (B, F * frame_latents, latents)."""
        batch = len(frames)
        total = mx.zeros(())
        levels = zip(self._slots, self.config.vq_strides, self.quantizer.quantizers, strict=True)
        for slots, stride, level in levels:
            total = total + mx.repeat(level(frames[..., slots].reshape(batch, -1)), stride, axis=1)
        return total


class Stream:
    """Implements codecs.Stream."""

    def __init__(
        self, codec: Codec, key: mx.array | None, lookahead: int | None, first: int | None
    ) -> None:
        self._codec = codec
        self._key = key
        self._lookahead = lookahead
        self._first = first
        self._state = State()
        self._sent = 0

    def push(self, frames: Sequence[Sequence[int]]) -> mx.array:
        early = self._first is not None and not self._state.position
        lookahead = self._first if early else self._lookahead
        codes = mx.array([frames])
        samples, start, self._state = self._codec.decoder(
            self._codec.latents(codes), self._state, key=self._key
        )
        settled = self._take(samples, start, start + samples.shape[1])
        if lookahead is None:
            return self._evaluated(settled)
        until = self._end() - lookahead * self._codec.frame_samples
        return self._evaluated(mx.concatenate([settled, self._rest(until)]))

    def flush(self) -> mx.array:
        return self._evaluated(self._rest(self._end()))

    def _end(self) -> int:
        return self._state.position * self._codec.config.hop_length

    def _rest(self, until: int) -> mx.array:
        """The samples not sent yet before `until`, as if the frames so far were all."""
        if until <= self._sent:
            return mx.zeros((0,))
        config = self._codec.config
        silence = mx.zeros((1, -(-self._codec.lag // config.hop_length), config.latents))
        samples, start, _ = self._codec.decoder(
            silence, self._state, self._state.position, self._key
        )
        return self._take(samples, start, until)

    def _take(self, samples: mx.array, start: int, stop: int) -> mx.array:
        """Those of samples start ... stop - 1 that have not been sent."""
        first = max(self._sent, start, 0)
        if first >= stop:
            return mx.zeros((0,))
        self._sent = stop
        return samples[0, first - start : stop - start]

    def _evaluated(self, samples: mx.array) -> mx.array:
        mx.eval(samples, self._state.carries)
        return samples
