"""The style of voices, and what a network's layers make of it: on CUDA all that a part of the
network wants in one product, since a layer's own costs its host as much as a large one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from mlxtts.nn import mx
from mlxtts.nn.linear import Linear


class Style:
    """Of each row, (B, style)."""

    def __init__(self, numbers: mx.array, together: Together | None = None) -> None:
        self._numbers = numbers
        self._made = together(numbers) if together else {}

    def row(self, n: int) -> Style:
        """Of one row alone."""
        return Style(self._numbers[n : n + 1])

    def through(self, layer: Linear) -> mx.array:
        """(B, out)."""
        made: mx.array = layer(self._numbers)
        return made

    def columns(self, layer: Linear) -> mx.array:
        """(out, B), of one of the layers that are worked out together."""
        return self._made[id(layer)]


class Together:
    """Layers that look at the same, as one."""

    def __init__(self, layers: Sequence[Linear]) -> None:
        self._layers = layers
        self._weight = mx.concatenate([layer.weight for layer in layers])
        self._bias = mx.concatenate([layer.bias for layer in layers])[:, None]
        self._ends = [*accumulate(len(layer.bias) for layer in layers)]
        mx.eval(self._weight, self._bias)

    def __call__(self, x: mx.array) -> dict[int, mx.array]:
        """What each layer makes of (B, in), by the layer's id: (out, B), in one piece for every
        B."""
        made = mx.split(mx.addmm(self._bias, self._weight, x.T), self._ends[:-1])
        return {id(layer): part for layer, part in zip(self._layers, made, strict=True)}
