"""A bidirectional LSTM of one layer, both directions in one pass, for rows of different lengths."""

from __future__ import annotations

import numpy as np

from mlxtts.nn import Module, cuda, mx, on_cpu, on_cuda
from mlxtts.nn.linear import product
from mlxtts.nn.products import adder
from mlxtts.nn.ragged import Ragged
from mlxtts.nn.stretches import memory


class LSTM(Module):
    """(B, T, inputs) to (B, T, 2 * hidden): what lies before each step, then what lies after it.

    Gates in PyTorch's order: input, forget, cell, output; both of its biases in one. The forward
    direction's matrices come first.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.weight_input = mx.zeros((2, inputs, 4 * hidden))
        self.weight_hidden = mx.zeros((2, hidden, 4 * hidden))
        self.bias = mx.zeros((2, 1, 4 * hidden))

    def __call__(self, x: mx.array, rows: Ragged) -> mx.array:
        if on_cuda():
            inputs = mx.addmm(self.bias[:, None], x, self.weight_input[:, None])
            return cuda.recur(inputs, self.weight_hidden, rows.counts)
        batch, time, _ = x.shape
        both = mx.stack([x, rows.reverse(x)]).reshape(2, batch * time, -1)
        inputs = product(both, self.weight_input, self.bias)
        inputs = inputs.reshape(2, batch, time, -1).transpose(2, 0, 1, 3)
        run = self._in_place if on_cpu() else self._run
        forward, backward = mx.split(run(mx.contiguous(inputs)), 2)
        return mx.concatenate([forward[0], rows.reverse(backward[0])], axis=-1)

    def _run(self, inputs: mx.array) -> mx.array:
        """(T, 2, B, 4 * hidden) to (2, B, T, hidden)."""
        size = self.weight_hidden.shape[1]
        hidden = cell = mx.zeros((2, inputs.shape[2], size))
        outputs = []
        for step in inputs:
            gates = mx.addmm(step, hidden, self.weight_hidden)
            kept = mx.sigmoid(gates[..., : 2 * size])
            new, shown = mx.tanh(gates[..., 2 * size : 3 * size]), mx.sigmoid(gates[..., -size:])
            cell = kept[..., size:] * cell + kept[..., :size] * new
            hidden = shown * mx.tanh(cell)
            outputs.append(hidden)
        return mx.stack(outputs, axis=2)

    def _in_place(self, inputs: mx.array) -> mx.array:
        """The same on a CPU, where numpy is faster with so little at a time. Changes `inputs`."""
        time, _, batch, gates = inputs.shape
        states = mx.zeros((2, batch, time, gates // 4))
        found, weights, add = memory(states), memory(self.weight_hidden), adder()
        hidden = cell = np.zeros((2, batch, gates // 4), np.float32)
        for t, step in enumerate(memory(inputs)):
            for way in range(2):
                add(hidden[way], weights[way], step[way])
            into, kept, new, shown = np.split(step, 4, axis=-1)
            cell = _sigmoid(kept) * cell + _sigmoid(into) * np.tanh(new)
            hidden = found[:, :, t] = _sigmoid(shown) * np.tanh(cell)
        return states


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))  # type: ignore[no-any-return]
