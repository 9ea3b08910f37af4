"""A causal transformer in which a position looks at the last few only, as a stream: LayerNorm,
rotary positions, GELU. Where a checkpoint scales what a layer adds, `scaled` puts the scale into
its last matrix. Names are those of Hugging Face's checkpoints; q, k and v are one matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from mlxtts.nn import LayerNorm, Module, mx
from mlxtts.nn.linear import Linear
from mlxtts.nn.rope import Rope
from mlxtts.nn.streaming import Flow
from mlxtts.nn.transformer import Attention, Step


@dataclass(frozen=True)
class Shape:
    """`window`: how many positions one looks at, itself included."""

    hidden_size: int
    num_hidden_layers: int
    intermediate_size: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    norm_eps: float
    rope_theta: float
    window: int


class Window:
    """The keys and values that the next `count` positions of each row look at, and which of them;
    `positions`: how many there were."""

    def __init__(self, flow: Flow, window: int, positions: tuple[int, ...], count: int) -> None:
        self._flow = flow
        self._before = window - 1
        self.offset: int | mx.array = positions[0]
        if len({*positions}) > 1:
            self.offset = mx.array(positions)
        self.mask: mx.array | None = None
        held = flow.held
        if {*positions} == {held} and held + count <= window:
            return
        steps = mx.arange(count)[:, None]
        columns = mx.arange(-held, count)
        self.mask = (columns <= steps) & (columns > steps - window)
        if min(positions) < held:
            begun = columns >= -mx.array(positions)[:, None, None, None]
            self.mask = self.mask & begun

    def update(self, layer: int, new: mx.array) -> tuple[mx.array, mx.array]:
        """See nn.cache.Cache."""
        keys, values = mx.split(self._flow.recall(new, self._before), 2, axis=1)
        return keys, values


class MLP(Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.fc1 = Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.fc2 = Linear(shape.intermediate_size, shape.hidden_size, bias=False)

    def __call__(self, x: mx.array) -> mx.array:
        x = self.fc1(x)
        return self.fc2(x * (0.5 + 0.5 * mx.erf(x * math.sqrt(0.5))))


class Block(Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.self_attn = Attention(shape)
        self.mlp = MLP(shape)
        self.input_layernorm = LayerNorm(shape.hidden_size, shape.norm_eps)
        self.post_attention_layernorm = LayerNorm(shape.hidden_size, shape.norm_eps)

    def __call__(self, x: mx.array, step: Step, layer: int) -> mx.array:
        x = x + self.self_attn(self.input_layernorm(x), step, layer)
        return x + self.mlp(self.post_attention_layernorm(x))


class Transformer(Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self._window = shape.window
        self.rope = Rope(
            shape.head_dim, shape.num_attention_heads, shape.num_key_value_heads, shape.rope_theta
        )
        self.layers: list[Any] = [Block(shape) for _ in range(shape.num_hidden_layers)]

    def __call__(self, x: mx.array, flow: Flow, positions: tuple[int, ...]) -> mx.array:
        """The next steps, (B, T, hidden_size), of rows that have had so many."""
        count = x.shape[1]
        window = Window(flow, self._window, positions, count)
        step = Step(window, self.rope.at(window.offset, count), window.mask)
        for n, layer in enumerate(self.layers):
            x = layer(x, step, n)
        return x


def scaled(matrix: mx.array, scale: mx.array) -> mx.array:
    """The matrix that gives each of its outputs times the scale."""
    return matrix * scale[:, None]
