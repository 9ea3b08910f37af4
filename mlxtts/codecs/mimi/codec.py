"""Mimi frames to samples: the quantiser, a transformer, convolutions, and a stream through them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlxtts.codecs import Samples, Span, refused
from mlxtts.codecs.mimi import seanet
from mlxtts.codecs.mimi.checkpoint import read
from mlxtts.codecs.mimi.config import Config
from mlxtts.codecs.mimi.quantizer import Quantizer
from mlxtts.nn import Module, conv, mx
from mlxtts.nn.conv import Convolution
from mlxtts.nn.loading import load as load_weights
from mlxtts.nn.streaming import Flow, Row, State, gather
from mlxtts.nn.windowed import Transformer


def load(path: Path) -> Codec:
    """The codec in the folder `path`: config.json and safetensors, or Moshi's file of it alone."""
    config, tensors = read(path, "decoder")
    codec = Codec(config)
    load_weights(codec, tensors, path)
    return codec


class Upsample(Module):
    """Frames to latents."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.conv = Convolution(2 * config.stride, config.hidden_size)

    def __call__(self, x: mx.array, flow: Flow) -> mx.array:
        return conv.transposed_depthwise(flow.extend(x, 1), self.conv.weight)


class Codec(Module):
    """Implements codecs.Codec. A frame is one code of each level of the quantiser, and may lack the
    finest ones; all that it is heard in depends on it and on what was before."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.rate = config.sampling_rate
        self.frame_codes = config.num_quantizers
        self.frame_samples = config.frame_samples
        self.lag = 0
        self.quantizer = Quantizer(config)
        self.upsample = Upsample(config)
        self.decoder_transformer = Transformer(config.shape)
        self.decoder = seanet.decoder(config)

    def refusal(self, codes: Sequence[int] | str) -> str | None:
        least, size = self.config.num_semantic_quantizers, self.config.codebook_size
        return refused(codes, least, self.frame_codes, size)

    def stream(
        self,
        key: mx.array,
        lookahead: int | None = None,
        first: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Stream:
        """Nothing is drawn, and there is nothing to wait for."""
        return Stream(self)

    def push(
        self, streams: Sequence[Stream], frames: Sequence[Sequence[Sequence[int]]]
    ) -> list[Samples]:
        before = gather([stream.place for stream in streams])
        samples, after = self.samples(self.quantizer(frames), before)
        for row, stream in enumerate(streams):
            stream.place = after, row
        mx.eval(samples, after.tails)
        return [*np.asarray(samples)]

    def flush(self, streams: Sequence[Stream]) -> list[Samples]:
        return [np.zeros(0, np.float32) for _ in streams]

    def samples(self, x: mx.array, state: State) -> tuple[mx.array, State]:
        """Of further frames as the quantiser has them, (B, F, hidden_size), their samples, (B,
        F * frame_samples), and the state to go on from. Its positions are frames."""
        flow = Flow(state)
        frames = x.shape[1]
        x = self.upsample(x, flow)
        places = tuple(position * self.config.stride for position in state.positions)
        x = self.decoder_transformer(x, flow, places)
        x = self.decoder(x, flow)
        positions = tuple(position + frames for position in state.positions)
        return x[..., 0], State(positions, tuple(flow.tails))


class Stream:
    """Implements codecs.Stream. `place`: its row of a state that it may share with the streams it
    was pushed with."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.place: Row = State((0,)), 0

    def push(self, frames: Sequence[Sequence[int]]) -> Samples:
        return self._codec.push([self], [frames])[0]

    def flush(self) -> Samples:
        return self._codec.flush([self])[0]

    def span(self, frame: int) -> Span:
        size = self._codec.frame_samples
        return Span(frame * size, (frame + 1) * size)
