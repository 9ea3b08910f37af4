"""Samples to Mimi frames: convolutions, a transformer and the search in the codebooks. It is for
speaking as a recording does, and nothing here is needed for decoding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlxtts.codecs.mimi import seanet
from mlxtts.codecs.mimi.checkpoint import read
from mlxtts.codecs.mimi.config import Config
from mlxtts.codecs.mimi.quantizer import Search
from mlxtts.nn import Module, conv, mx
from mlxtts.nn.conv import Convolution
from mlxtts.nn.loading import load as load_weights
from mlxtts.nn.streaming import Flow, State
from mlxtts.nn.windowed import Transformer

STRETCH = 25  # frames at a time, so that memory does not depend on how long a recording is


def load_encoder(path: Path) -> Encoder:
    """The encoder in the folder of a codec, as `codec.load` finds it."""
    config, tensors = read(path, "encoder")
    encoder = Encoder(config)
    load_weights(encoder, tensors, path)
    return encoder


class Downsample(Module):
    """Latents to frames."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self._stride = config.stride
        self.conv = Convolution(2 * config.stride, config.hidden_size, config.hidden_size)

    def __call__(self, x: mx.array, flow: Flow) -> mx.array:
        x = flow.extend(x, self._stride, hold=True)
        return conv.strided(x, self.conv.weight, None, self._stride)


class Encoder(Module):
    """Implements codecs.Encoder."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.rate = config.sampling_rate
        self.encoder = seanet.encoder(config)
        self.encoder_transformer = Transformer(config.shape)
        self.downsample = Downsample(config)
        self.quantizer = Search(config)

    def encode(self, samples: mx.array) -> list[tuple[int, ...]]:
        size = self.config.frame_samples
        x = mx.pad(samples, (0, -len(samples) % size))[None, :, None]
        state = State((0,))
        frames: list[tuple[int, ...]] = []
        for at in range(0, x.shape[1], STRETCH * size):
            vectors, state = self.vectors(x[:, at : at + STRETCH * size], state)
            codes = self.quantizer(vectors)
            mx.eval(codes, state.tails)
            rows: Any = codes[0].tolist()
            frames += map(tuple, rows)
        return frames

    def vectors(self, x: mx.array, state: State) -> tuple[mx.array, State]:
        """What is to be quantised, (B, F, hidden_size), of further samples of whole frames, (B,
        F * frame_samples, 1), and the state to go on from. Its positions are latents."""
        flow = Flow(state)
        x = self.encoder(x, flow)
        latents = x.shape[1]
        x = self.encoder_transformer(x, flow, state.positions)
        x = self.downsample(x, flow)
        positions = tuple(position + latents for position in state.positions)
        return x, State(positions, tuple(flow.tails))
