"""SNAC's decoder as a stream: latents in, samples out, each layer with the context it needs.

Modules are named as in the PyTorch checkpoint; arrays are (batch, time, channels); a row of a batch
is a signal of its own, which may have begun before the others. A layer takes a
stretch of its input, which continues the last one, and gives the stretch of its output that is
settled by then: as long as its input times its rate, and late by what the layer looks ahead. What
lies before the beginning or after the end is zero at the input of every convolution, as the padding
of the one-shot decoder has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from mlxtts.codecs.snac.config import Config
from mlxtts.nn import Module, conv, mx, on_cpu
from mlxtts.nn.conv import Convolution
from mlxtts.nn.random import normal_at
from mlxtts.nn.snake import Snake
from mlxtts.nn.streaming import gather_tails

KERNEL = 7
DILATIONS = (1, 3, 9)


@dataclass(frozen=True, eq=False)
class State:
    """Signals between two stretches, a row each: how many latents there were so far, the keys of
    their noise, (B, 2), or None without noise, and the last inputs of each convolution."""

    positions: tuple[int, ...]
    keys: mx.array | None
    carries: tuple[mx.array, ...] = ()


Row = tuple[State, int]


def gather(rows: Sequence[Row]) -> State:
    """Rows of states as one state."""
    first = rows[0][0]
    if [*rows] == [(first, row) for row in range(len(first.positions))]:
        return first
    runs = [(state, [row for _, row in run]) for state, run in groupby(rows, lambda row: row[0])]
    keys = [state.keys[mx.array(run)] for state, run in runs if state.keys is not None]
    return State(
        tuple(state.positions[row] for state, row in rows),
        mx.concatenate(keys) if keys else None,
        gather_tails([(state.carries, run) for state, run in runs]),
    )


class Flow:
    """A stretch of each row on its way through the layers: which samples of the layer's signal
    these are, counted from where the stretch began.

    What lies before the beginning of every row is not computed. When a stretch is used up in this
    way, a layer gives None, and the layers after it have nothing to do yet. `ended`: the signals
    ended before this stretch.
    """

    def __init__(self, state: State, ended: bool) -> None:
        places = state.positions
        self.start = 0
        self.ended = ended
        self.carries: list[mx.array] = []
        self._carries = iter(state.carries)
        self._least, self._most = min(places), max(places)
        same = self._least == self._most
        self._places = self._least if same else mx.array(places)[:, None]

    @property
    def starts(self) -> int | mx.array:
        """The index of the first sample in its signal: of all rows, or (B, 1)."""
        return self._places + self.start

    def window(self, x: mx.array, reach: int) -> mx.array | None:
        """What a kernel that reaches so far to both sides needs for the outputs that are settled:
        the inputs with those before them in front."""
        joined = self.extend(x, 2 * reach)
        early = self._move(self.start - reach)
        return joined[:, early:] if early < x.shape[1] else None

    def extend(self, x: mx.array, by: int) -> mx.array:
        """`x` with the `by` samples before it in front, and zeros outside the signal."""
        x = self._inside(x)
        batch, _, channels = x.shape
        carry = next(self._carries, None)
        x = mx.concatenate([mx.zeros((batch, by, channels)) if carry is None else carry, x], axis=1)
        self.carries.append(x[:, -by:])
        return x

    def upsampled(self, x: mx.array, rate: int) -> mx.array:
        """`x`, `rate` times as long as its input was, without what lies before the beginning."""
        self._least *= rate
        self._most *= rate
        self._places = self._places * rate
        return x[:, self._move(self.start * rate - (rate + 1) // 2) :]

    def _move(self, start: int) -> int:
        """Turn to where the samples start; returns how many of them are before every beginning."""
        early = max(0, -(self._most + start))
        self.start = start + early
        return early

    def _inside(self, x: mx.array) -> mx.array:
        length = x.shape[1]
        if self._least + self.start < 0:
            x = mx.where((self.starts + mx.arange(length) >= 0)[..., None], x, 0)
        if self.ended and self.start + length > 0:
            x = mx.where((mx.arange(length) < -self.start)[:, None], x, 0)
        return x


class ResidualUnit(Module):
    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.block: list[Any] = [
            Snake(channels),
            Convolution(KERNEL, channels, bias=channels),
            Snake(channels),
            Convolution(channels, channels, bias=channels),
        ]
        self._run = self._plain if on_cpu() else mx.compile(self._plain)

    def __call__(self, x: mx.array, flow: Flow) -> mx.array | None:
        reach = KERNEL // 2 * self.dilation
        window = flow.window(x, reach)
        if window is None:
            return None
        return self._run(window)

    def _plain(self, window: mx.array) -> mx.array:
        reach = KERNEL // 2 * self.dilation
        before, wide, between, across = self.block
        y = conv.depthwise(before(window), wide.weight, wide.bias, self.dilation)
        y = conv.pointwise(between(y), across.weight, across.bias)
        return window[:, reach:-reach] + y


class Noise(Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = Convolution(channels, channels)

    def __call__(self, x: mx.array, flow: Flow, keys: mx.array) -> mx.array:
        noise = normal_at(keys, flow.starts, x.shape[1])
        return x + noise[..., None] * conv.pointwise(x, self.linear.weight)


class Block(Module):
    """Upsample by `rate`, halving the channels."""

    def __init__(self, channels: int, rate: int) -> None:
        super().__init__()
        self.rate = rate
        half = channels // 2
        self.block: list[Any] = [
            Snake(channels),
            Convolution(channels, 2 * rate * half, bias=half),
            Noise(half),
            *(ResidualUnit(half, dilation) for dilation in DILATIONS),
        ]

    def __call__(self, x: mx.array, flow: Flow, keys: mx.array | None) -> mx.array | None:
        activation, up, noise, *units = self.block
        x = conv.transposed(flow.extend(activation(x), 1), up.weight, up.bias)
        x = flow.upsampled(x, self.rate)
        if keys is not None:
            x = noise(x, flow, keys)
        for unit in units:
            x = unit(x, flow)
            if x is None:
                return None
        return x


class Decoder(Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        latents, channels = config.latents, config.decoder_dim
        widths = [channels >> n for n in range(len(config.decoder_rates) + 1)]
        self.model: list[Any] = [
            Convolution(KERNEL, latents, bias=latents),
            Convolution(latents, channels, bias=channels),
            *map(Block, widths, config.decoder_rates),
            Snake(widths[-1]),
            Convolution(widths[-1], KERNEL, bias=1),
        ]

        self.lag = KERNEL // 2
        for rate in config.decoder_rates:
            self.lag = self.lag * rate + (rate + 1) // 2 + KERNEL // 2 * sum(DILATIONS)
        self.lag += KERNEL // 2

    def __call__(
        self, z: mx.array, state: State, *, ended: bool = False
    ) -> tuple[mx.array, int, State]:
        """Decode the next latents, (B, T, latents), of signals that `ended` before them, if so.

        Returns the samples that are settled by them, (B, n): as many as belong to T latents, but
        fewer if all rows begin, since samples are `lag` behind latents, and with zeros or worse
        outside the signals; the place of the first one from where these latents begin; and the
        state to go on from.
        """
        flow = Flow(state, ended)
        samples = self._layers(z, flow, state.keys)
        if samples is None:
            samples = mx.zeros((len(z), 0))
        positions = tuple(position + z.shape[1] for position in state.positions)
        return samples, flow.start, State(positions, state.keys, tuple(flow.carries))

    def _layers(self, z: mx.array, flow: Flow, keys: mx.array | None) -> mx.array | None:
        wide, across, *blocks, activation, last = self.model
        x = flow.window(z, KERNEL // 2)
        if x is None:
            return None
        x = conv.depthwise(x, wide.weight, wide.bias)
        x = conv.pointwise(x, across.weight, across.bias)
        for n, block in enumerate(blocks):
            layer = None if keys is None else keys + mx.array([n, 0], dtype=mx.uint32)
            x = block(x, flow, layer)
            if x is None:
                return None
        x = flow.window(activation(x), KERNEL // 2)
        return None if x is None else mx.tanh(conv.collapse(x, last.weight, last.bias))
