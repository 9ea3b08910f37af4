"""SNAC's decoder as a stream: latents in, samples out, each layer with the context it needs.

Modules are named as in the PyTorch checkpoint; arrays are (batch, time, channels). A layer takes a
stretch of its input, which continues the last one, and gives the stretch of its output that is
settled by then: as long as its input times its rate, and late by what the layer looks ahead. What
lies before the beginning or after the end is zero at the input of every convolution, as the padding
of the one-shot decoder has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlxtts.codecs.snac.config import Config
from mlxtts.nn import Module, conv, mx
from mlxtts.nn.random import normal_at
from mlxtts.nn.snake import Snake

KERNEL = 7
DILATIONS = (1, 3, 9)


@dataclass(frozen=True)
class State:
    """Between two stretches: the latents so far, and the last inputs of each convolution."""

    position: int = 0
    carries: tuple[mx.array, ...] = ()


class Flow:
    """One stretch on its way through the layers: which samples of the layer's signal these are.

    Outputs before the beginning are not computed. When a stretch is used up in this way, a layer
    gives None, and the layers after it have nothing to do yet.
    """

    def __init__(self, state: State, end: int | None) -> None:
        self.start = state.position
        self.end = end
        self.carries: list[mx.array] = []
        self._carries = iter(state.carries)

    def window(self, x: mx.array, reach: int) -> mx.array | None:
        """What a kernel that reaches so far to both sides needs for the outputs that are settled:
        the inputs with those before them in front."""
        joined = self.extend(x, 2 * reach)
        self.start -= reach
        early = max(0, -self.start)
        self.start += early
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
        padding = (rate + 1) // 2
        self.start = self.start * rate - padding
        if self.end is not None:
            self.end *= rate
        early = max(0, -self.start)
        self.start += early
        return x[:, early:]

    def _inside(self, x: mx.array) -> mx.array:
        stop = self.start + x.shape[1]
        if self.end is None or stop <= self.end:
            return x
        valid = mx.arange(self.start, stop) < self.end
        return mx.where(valid[None, :, None], x, 0)


class Convolution(Module):
    """The weights of one convolution, in the form in which nn.conv multiplies them."""

    def __init__(self, *shape: int, bias: int = 0) -> None:
        super().__init__()
        self.weight = mx.zeros(shape)
        if bias:
            self.bias = mx.zeros((bias,))


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

    def __call__(self, x: mx.array, flow: Flow) -> mx.array | None:
        reach = KERNEL // 2 * self.dilation
        window = flow.window(x, reach)
        if window is None:
            return None
        before, wide, between, across = self.block
        y = conv.depthwise(before(window), wide.weight, wide.bias, self.dilation)
        y = conv.pointwise(between(y), across.weight, across.bias)
        return window[:, reach:-reach] + y


class Noise(Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = Convolution(channels, channels)

    def __call__(self, x: mx.array, flow: Flow, key: mx.array) -> mx.array:
        noise = normal_at(key, flow.start, x.shape[1])
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

    def __call__(self, x: mx.array, flow: Flow, key: mx.array | None) -> mx.array | None:
        activation, up, noise, *units = self.block
        x = conv.transposed(flow.extend(activation(x), 1), up.weight, up.bias)
        x = flow.upsampled(x, self.rate)
        if key is not None:
            x = noise(x, flow, key)
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
        self, z: mx.array, state: State, end: int | None = None, key: mx.array | None = None
    ) -> tuple[mx.array, int, State]:
        """Decode the next latents, (B, T, latents), of a signal that ends after `end` of them.

        Returns the samples that are settled by them, (B, n): as many as belong to T latents, but
        fewer at the beginning, since samples are `lag` behind latents, and with zeros or worse
        after the end; the index of the first one; and the state to go on from. `key`, (B, 2)
        uint32, seeds the noise; without one there is none.
        """
        flow = Flow(state, end)
        samples = self._layers(z, flow, key)
        if samples is None:
            samples, flow.start = mx.zeros((len(z), 0)), 0
        return samples, flow.start, State(state.position + z.shape[1], tuple(flow.carries))

    def _layers(self, z: mx.array, flow: Flow, key: mx.array | None) -> mx.array | None:
        wide, across, *blocks, activation, last = self.model
        x = flow.window(z, KERNEL // 2)
        if x is None:
            return None
        x = conv.depthwise(x, wide.weight, wide.bias)
        x = conv.pointwise(x, across.weight, across.bias)
        for n, block in enumerate(blocks):
            layer_key = None if key is None else key + mx.array([n, 0], dtype=mx.uint32)
            x = block(x, flow, layer_key)
            if x is None:
                return None
        x = flow.window(activation(x), KERNEL // 2)
        return None if x is None else mx.tanh(conv.collapse(x, last.weight, last.bias))
