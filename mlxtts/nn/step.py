"""A step of rows through a transformer on CUDA: a compiled function a layer, which is the same for
all layers, and whose shapes change only when rows join or leave; and another for a row alone."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from mlxtts.nn import Module, QuantizedLinear, cuda, mx
from mlxtts.nn.cuda import alone
from mlxtts.nn.cuda.kernels import constants
from mlxtts.nn.quantization import Packing
from mlxtts.nn.slots import Slots
from mlxtts.nn.transformer import Block, Stack, by_products

Parts = dict[str, mx.array]
MATRICES = ("qkv_proj", "o_proj", "gate_up_proj", "down_proj")


class Steps:
    """The layers of a transformer whose weights are final."""

    def __init__(self, stack: Stack) -> None:
        shape = stack.shape
        self._rates = stack.rope.rates
        self._groups = shape.num_attention_heads // shape.num_key_value_heads
        self._how = shape.num_attention_heads, shape.head_dim
        self._eps = shape.rms_norm_eps
        befores = [block.input_layernorm.weight for block in stack.layers]
        self._first, *nexts = [*befores, stack.norm.weight]
        self._layers = [
            self._layer(block, after) for block, after in zip(stack.layers, nexts, strict=True)
        ]
        self._last = stack.norm.weight
        singles = [self._layer_alone(block) for block in stack.layers]
        self._alone = [layer for layer in singles if layer] if all(singles) else []

    def __call__(self, x: mx.array, slots: Slots) -> mx.array:
        """Hidden states, (B, hidden_size), of the next input of each row, of the same shape."""
        slots.begin()
        if len(x) == 1 and not slots.packed and self._alone:
            normal = self._one(x, slots)
        else:
            normal = self._many(x, slots)
        slots.advance()
        return normal

    def _many(self, x: mx.array, slots: Slots) -> mx.array:
        normal = self._normal(x)
        for (layer, parts), held in zip(self._layers, slots.layers, strict=True):
            x, normal = layer.step(x, normal, held, slots.positions, parts)
        return normal

    def _one(self, x: mx.array, slots: Slots) -> mx.array:
        for (layer, parts), held in zip(self._alone, slots.layers, strict=True):
            x = layer(x, held, slots.positions, parts)
        return mx.fast.rms_norm(x, self._last, self._eps)

    def read(self, x: mx.array) -> list[mx.array]:
        """Of prompts, (B, T, hidden_size), from their first position on: the keys and values of
        each layer, (B, 2 kv_heads, T, D)."""
        mask = mx.tile(mx.tri(x.shape[1], dtype=mx.bool_), (self._groups, 1))
        layers, normal = [], self._normal(x)
        for layer, parts in self._layers:
            x, normal, held = layer.read(x, normal, mask, parts)
            layers.append(held)
        return layers

    def _normal(self, x: mx.array) -> mx.array:
        return mx.fast.rms_norm(x, self._first, self._eps)

    def _layer(self, block: Block, after: mx.array) -> tuple[Layer, dict[str, Any]]:
        layers = _layers(block)
        named = zip(MATRICES, layers, strict=True)
        parts: dict[str, Any] = {name: _parts(layer) for name, layer in named}
        parts["norms"] = [block.post_attention_layernorm.weight, after]
        parts["rates"], parts["eps"] = self._rates, constants(self._eps)
        return _compiled(*self._how, tuple(_packing(layer) for layer in layers)), parts

    def _layer_alone(self, block: Block) -> tuple[Callable[..., mx.array], dict[str, Any]] | None:
        """None if there are no kernels for it."""
        layers = _layers(block)
        matrices = [alone.matrix(dict(layer.parameters())) for layer in layers]
        packings = tuple(_packing(layer) for layer in layers)
        before, after = block.input_layernorm.weight, block.post_attention_layernorm.weight
        if not all(map(alone.fits, matrices, packings, [before.dtype] * len(layers))):
            return None
        parts = {"matrices": matrices, "norms": [before, after]}
        parts |= {"rates": self._rates, "eps": constants(self._eps)}
        return _compiled_alone(packings), parts


class Layer(NamedTuple):
    """What is compiled of a layer, from the sum of those before and that normalised to the same
    for the next."""

    step: Callable[..., tuple[mx.array, mx.array]]
    read: Callable[..., tuple[mx.array, mx.array, mx.array]]


def _layers(block: Block) -> tuple[Module, ...]:
    """Those of MATRICES."""
    attention, mlp = block.self_attn, block.mlp
    return attention.qkv_proj, attention.o_proj, mlp.gate_up_proj, mlp.down_proj


def _parts(layer: Module) -> Parts:
    """A layer's arrays; a matrix as it is multiplied by, which costs nothing here and an operation
    at each step there."""
    parts = dict(layer.parameters())
    if _packing(layer) is None:
        parts["weight"] = parts["weight"].T
        mx.eval(parts["weight"])
    return parts


def _packing(layer: Module) -> Packing | None:
    if isinstance(layer, QuantizedLinear):
        return Packing(layer.group_size, layer.bits, layer.mode)
    return None


@functools.cache
def _compiled(heads: int, dim: int, packings: tuple[Packing | None, ...]) -> Layer:
    packing = dict(zip(MATRICES, packings, strict=True))

    def product(x: mx.array, parts: dict[str, Parts], name: str) -> mx.array:
        return _product(x, parts[name], packing[name])

    def rest(x: mx.array, attended: mx.array, parts: dict[str, Any]) -> tuple[mx.array, mx.array]:
        after, following = parts["norms"]
        x, normal = cuda.add_rms_norm(x, product(attended, parts, "o_proj"), after, parts["eps"])
        more = product(cuda.gate(product(normal, parts, "gate_up_proj")), parts, "down_proj")
        return cuda.add_rms_norm(x, more, following, parts["eps"])

    def step(
        x: mx.array, normal: mx.array, held: cuda.Held, positions: mx.array, parts: dict[str, Any]
    ) -> tuple[mx.array, mx.array]:
        qkv = product(normal, parts, "qkv_proj")
        queries = cuda.place(qkv, held, positions, parts["rates"], heads)
        return rest(x, cuda.attend(queries, held, positions), parts)

    def read(
        x: mx.array, normal: mx.array, mask: mx.array, parts: dict[str, Any]
    ) -> tuple[mx.array, mx.array, mx.array]:
        qkv = product(normal, parts, "qkv_proj")
        queries, held = cuda.turn(qkv, parts["rates"], heads, dim)
        keys, values = mx.split(held, 2, axis=1)
        return *rest(x, by_products(queries, keys, values, mask), parts), held

    return Layer(mx.compile(step), mx.compile(read))


@functools.cache
def _compiled_alone(packings: tuple[Packing | None, ...]) -> Callable[..., mx.array]:
    def step(x: mx.array, held: cuda.Held, positions: mx.array, parts: dict[str, Any]) -> mx.array:
        qkv, o, gate_up, down = zip(parts["matrices"], packings, strict=True)
        before, after = parts["norms"]
        rates, eps = parts["rates"], parts["eps"]
        queries = alone.multiply_place(x, before, eps, *qkv, held, positions, rates)
        x = alone.multiply_add(cuda.attend(queries, held, positions), *o, x)
        gated = alone.multiply_gate(x, after, eps, *gate_up)
        return alone.multiply_add(gated, *down, x)

    return mx.compile(step)


def _product(x: mx.array, parts: Parts, packing: Packing | None) -> mx.array:
    if packing is None:
        return x @ parts["weight"]
    biases = parts.get("biases")
    return mx.quantized_matmul(
        x, parts["weight"], parts["scales"], biases, transpose=True, **packing.options
    )
