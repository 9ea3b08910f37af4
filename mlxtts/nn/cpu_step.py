"""A step of rows through a transformer on a CPU, a position each, by numpy.

With so little to compute, what counts is how it is begun: of MLX's operations, some 17 a layer,
each takes 15 us until it runs, and numpy's one or two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlxtts.nn import mx
from mlxtts.nn.cache import Cache
from mlxtts.nn.stretches import memory
from mlxtts.nn.threads import alone, is_little

if TYPE_CHECKING:
    from mlxtts.nn.transformer import Block, Shape, Stack


def little(shape: Shape) -> bool:
    """True if one thread is enough for its matrices. Larger ones want all, whose waiting for each
    other costs more here than MLX's beginnings."""
    return is_little(1, 2 * shape.hidden_size * shape.intermediate_size)


class Steps:
    """The layers of a transformer whose weights are final, and in float32."""

    def __init__(self, stack: Stack) -> None:
        shape = stack.shape
        self._heads, self._groups = shape.num_attention_heads, shape.num_key_value_heads
        self._dim, self._eps = shape.head_dim, np.float32(shape.rms_norm_eps)
        self._rates = memory(stack.rope.rates)
        self._layers = [_weights(block) for block in stack.layers]
        self._last = memory(stack.norm.weight)

    def __call__(self, inputs: mx.array, cache: Cache) -> mx.array:
        """Hidden states, (B, 1, hidden_size), of the next input of each row, of the same shape."""
        x = memory(inputs)[:, 0].copy()
        turns = self._turns(cache.offset)
        mask = None if cache.mask is None else memory(cache.mask)
        with alone():
            x = self._through(x, turns, cache, mask)
        cache.advance(1)
        return mx.array(self._normal(x, self._last)[:, None])

    def _through(
        self, x: np.ndarray, turns: np.ndarray, cache: Cache, mask: np.ndarray | None
    ) -> np.ndarray:
        for n, (before, qkv, o, after, gate_up, down) in enumerate(self._layers):
            heads = self._turned(self._normal(x, before) @ qkv, turns)
            x += self._attended(heads, cache, n, mask) @ o
            gate = self._normal(x, after) @ gate_up
            x += _gated(gate[:, : len(down)], gate[:, len(down) :]) @ down
        return x

    def _normal(self, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        square = np.einsum("bc,bc->b", x, x)[:, None] / np.float32(x.shape[1])
        return x * (weight / np.sqrt(square + self._eps))  # type: ignore[no-any-return]

    def _turns(self, offset: int | mx.array) -> np.ndarray:
        """What the pairs of a head are multiplied by, (B or 1, 1, head_dim / 2)."""
        positions = np.array([offset]) if isinstance(offset, int) else memory(offset)
        angles = positions.astype(np.float32)[:, None, None] * self._rates
        return np.cos(angles) + np.complex64(1j) * np.sin(angles)  # type: ignore[no-any-return]

    def _turned(self, qkv: np.ndarray, turns: np.ndarray) -> np.ndarray:
        """Heads, (B, heads + 2 kv_heads, head_dim), all but the values turned."""
        heads = qkv.reshape(len(qkv), -1, self._dim)
        heads[:, : self._heads + self._groups].view(np.complex64)[:] *= turns
        return heads

    def _attended(
        self, heads: np.ndarray, cache: Cache, layer: int, mask: np.ndarray | None
    ) -> np.ndarray:
        """(B, heads * head_dim)."""
        keys, values = cache.put(layer, heads[:, self._heads :])
        queries = heads[:, : self._heads].reshape(len(heads), self._groups, -1, self._dim)
        scores = (queries * np.float32(self._dim**-0.5)) @ keys.swapaxes(2, 3)
        if mask is not None:
            scores = np.where(mask, scores, np.float32(-np.inf))
        scores -= np.max(scores, axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= np.sum(scores, axis=-1, keepdims=True)
        return (scores @ values).reshape(len(heads), -1)  # type: ignore[no-any-return]


def _gated(gate: np.ndarray, up: np.ndarray) -> np.ndarray:
    """SwiGLU's: gate * sigmoid(gate) * up."""
    return gate / (1 + np.exp(-gate)) * up  # type: ignore[no-any-return]


def _weights(block: Block) -> tuple[np.ndarray, ...]:
    attention, mlp = block.self_attn, block.mlp
    return (
        memory(block.input_layernorm.weight),
        *(memory(layer.weight).T for layer in (attention.qkv_proj, attention.o_proj)),
        memory(block.post_attention_layernorm.weight),
        *(memory(layer.weight).T for layer in (mlp.gate_up_proj, mlp.down_proj)),
    )
