"""A step of many rows through a transformer on CUDA: a compiled function a layer, which is the same
for all layers, and whose shapes change only when rows join or leave."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from mlxtts.nn import Module, QuantizedLinear, cuda, mx
from mlxtts.nn.quantization import Packing
from mlxtts.nn.slots import Slots
from mlxtts.nn.transformer import Block, Stack, by_products

Parts = dict[str, mx.array]
MATRICES = ("qkv_proj", "o_proj", "gate_up_proj", "down_proj")


class Steps:
    """The layers of a transformer whose weights are final."""

    def __init__(self, stack: Stack) -> None:
        shape = stack.shape
        self._norm, self._rates = stack.norm, stack.rope.rates
        self._groups = shape.num_attention_heads // shape.num_key_value_heads
        how = shape.num_attention_heads, shape.head_dim, shape.rms_norm_eps
        self._layers = [_layer(block, *how) for block in stack.layers]

    def __call__(self, x: mx.array, slots: Slots) -> mx.array:
        """Hidden states, (B, hidden_size), of the next input of each row, of the same shape."""
        slots.begin()
        positions = slots.positions
        for (layer, parts), held in zip(self._layers, slots.layers, strict=True):
            x = layer.step(x, held, positions, self._rates, parts)
        slots.advance()
        hidden: mx.array = self._norm(x)
        return hidden

    def read(self, x: mx.array) -> list[mx.array]:
        """Of prompts, (B, T, hidden_size), from their first position on: the keys and values of
        each layer, (B, 2 kv_heads, T, D)."""
        mask = mx.tile(mx.tri(x.shape[1], dtype=mx.bool_), (self._groups, 1))
        layers = []
        for layer, parts in self._layers:
            x, held = layer.read(x, mask, self._rates, parts)
            layers.append(held)
        return layers


class Layer(NamedTuple):
    """What is compiled of a layer."""

    step: Callable[..., mx.array]
    read: Callable[..., tuple[mx.array, mx.array]]


def _layer(block: Block, heads: int, dim: int, eps: float) -> tuple[Layer, dict[str, Any]]:
    attention, mlp = block.self_attn, block.mlp
    layers = (attention.qkv_proj, attention.o_proj, mlp.gate_up_proj, mlp.down_proj)
    parts: dict[str, Any] = {
        name: dict(layer.parameters()) for name, layer in zip(MATRICES, layers, strict=True)
    }
    parts["norms"] = [block.input_layernorm.weight, block.post_attention_layernorm.weight]
    return _compiled(heads, dim, eps, tuple(_packing(layer) for layer in layers)), parts


def _packing(layer: Module) -> Packing | None:
    if isinstance(layer, QuantizedLinear):
        return Packing(layer.group_size, layer.bits, layer.mode)
    return None


@functools.cache
def _compiled(heads: int, dim: int, eps: float, packings: tuple[Packing | None, ...]) -> Layer:
    packing = dict(zip(MATRICES, packings, strict=True))

    def product(x: mx.array, parts: dict[str, Parts], name: str) -> mx.array:
        return _product(x, parts[name], packing[name])

    def projected(x: mx.array, parts: dict[str, Any]) -> mx.array:
        return product(mx.fast.rms_norm(x, parts["norms"][0], eps), parts, "qkv_proj")

    def rest(x: mx.array, attended: mx.array, parts: dict[str, Any]) -> mx.array:
        x = x + product(attended, parts, "o_proj")
        both = product(mx.fast.rms_norm(x, parts["norms"][1], eps), parts, "gate_up_proj")
        gate, up = mx.split(both, 2, axis=-1)
        return x + product(gate * mx.sigmoid(gate) * up, parts, "down_proj")

    def step(
        x: mx.array, held: cuda.Held, positions: mx.array, rates: mx.array, parts: dict[str, Any]
    ) -> mx.array:
        queries = cuda.place(projected(x, parts), held, positions, rates, heads)
        return rest(x, cuda.attend(queries, held, positions), parts)

    def read(
        x: mx.array, mask: mx.array, rates: mx.array, parts: dict[str, Any]
    ) -> tuple[mx.array, mx.array]:
        queries, held = cuda.turn(projected(x, parts), rates, heads, dim)
        keys, values = mx.split(held, 2, axis=1)
        return rest(x, by_products(queries, keys, values, mask), parts), held

    return Layer(mx.compile(step), mx.compile(read))


def _product(x: mx.array, parts: Parts, packing: Packing | None) -> mx.array:
    if packing is None:
        return x @ parts["weight"].T
    biases = parts.get("biases")
    return mx.quantized_matmul(
        x, parts["weight"], parts["scales"], biases, transpose=True, **packing.options
    )
