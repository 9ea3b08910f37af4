"""A step of many rows through a transformer on CUDA: a compiled function a layer, which is the same
for all layers, and whose shapes change only when rows join or leave."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from mlxtts.nn import Module, QuantizedLinear, cuda, mx
from mlxtts.nn.quantization import Packing
from mlxtts.nn.slots import Slots
from mlxtts.nn.transformer import Block, Stack

Parts = dict[str, mx.array]
MATRICES = ("qkv_proj", "o_proj", "gate_up_proj", "down_proj")


class Steps:
    """The layers of a transformer whose weights are final."""

    def __init__(self, stack: Stack) -> None:
        self._norm, self._rates = stack.norm, stack.rope.rates
        heads, eps = stack.shape.num_attention_heads, stack.shape.rms_norm_eps
        self._layers = [_layer(block, heads, eps) for block in stack.layers]

    def __call__(self, x: mx.array, slots: Slots) -> mx.array:
        """Hidden states, (B, hidden_size), of the next input of each row, of the same shape."""
        slots.begin()
        positions = slots.positions
        for (run, parts), held in zip(self._layers, slots.layers, strict=True):
            x = run(x, held, positions, self._rates, parts)
        slots.advance()
        hidden: mx.array = self._norm(x)
        return hidden


def _layer(block: Block, heads: int, eps: float) -> tuple[Callable[..., mx.array], dict[str, Any]]:
    attention, mlp = block.self_attn, block.mlp
    layers = (attention.qkv_proj, attention.o_proj, mlp.gate_up_proj, mlp.down_proj)
    parts: dict[str, Any] = {
        name: dict(layer.parameters()) for name, layer in zip(MATRICES, layers, strict=True)
    }
    parts["norms"] = [block.input_layernorm.weight, block.post_attention_layernorm.weight]
    return _compiled(heads, eps, tuple(_packing(layer) for layer in layers)), parts


def _packing(layer: Module) -> Packing | None:
    if isinstance(layer, QuantizedLinear):
        return Packing(layer.group_size, layer.bits, layer.mode)
    return None


@functools.cache
def _compiled(heads: int, eps: float, packings: tuple[Packing | None, ...]) -> Any:
    packing = dict(zip(MATRICES, packings, strict=True))

    def product(x: mx.array, parts: dict[str, Parts], name: str) -> mx.array:
        return _product(x, parts[name], packing[name])

    def run(
        x: mx.array, held: cuda.Held, positions: mx.array, rates: mx.array, parts: dict[str, Any]
    ) -> mx.array:
        before, after = parts["norms"]
        qkv = product(mx.fast.rms_norm(x, before, eps), parts, "qkv_proj")
        queries = cuda.place(qkv, held, positions, rates, heads)
        x = x + product(cuda.attend(queries, held, positions), parts, "o_proj")
        gate, up = mx.split(
            product(mx.fast.rms_norm(x, after, eps), parts, "gate_up_proj"), 2, axis=-1
        )
        return x + product(gate * mx.sigmoid(gate) * up, parts, "down_proj")

    return mx.compile(run)


def _product(x: mx.array, parts: Parts, packing: Packing | None) -> mx.array:
    if packing is None:
        return x @ parts["weight"].T
    biases = parts.get("biases")
    return mx.quantized_matmul(
        x, parts["weight"], parts["scales"], biases, transpose=True, **packing.options
    )
