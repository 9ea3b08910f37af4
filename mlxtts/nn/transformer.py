"""A decoder-only transformer of Llama's kind (Touvron et al., 2023): RMSNorm, rotary positions,
grouped-query attention, SwiGLU. Names are those of Hugging Face's checkpoints, but that q, k and v,
and gate and up, are one matrix each: fewer, larger products."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Protocol

from mlxtts.errors import ModelError
from mlxtts.nn import Embedding, Module, mx, on_cpu, on_cuda
from mlxtts.nn.cache import Cache
from mlxtts.nn.cpu_step import Steps, little
from mlxtts.nn.linear import Linear
from mlxtts.nn.quantization import Tensor, order, stack
from mlxtts.nn.recipes import Matrix
from mlxtts.nn.rope import Llama3Scaling, Rope, Rotate, deinterleave, interleave


@dataclass(frozen=True)
class Shape:
    hidden_size: int
    num_hidden_layers: int
    intermediate_size: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    rms_norm_eps: float
    rope_theta: float
    rope_scaling: Llama3Scaling | None
    max_position_embeddings: int


class RMSNorm(Module):
    """x divided by its root mean square (Zhang and Sennrich, 2019), times a weight."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = mx.ones((size,))
        self._eps = eps
        self._floor = mx.array(eps)

    def __call__(self, x: mx.array) -> mx.array:
        if x.shape[1] > 1 or not on_cpu():
            return mx.fast.rms_norm(x, self.weight, self._eps)
        # One position on a CPU: the mean of the squares is a product.
        square = mx.addmm(self._floor, x, x.swapaxes(1, 2), alpha=1 / x.shape[-1])
        return x * mx.rsqrt(square) * self.weight


class Heads(Protocol):
    """What attention wants to know of a transformer's shape."""

    @property
    def hidden_size(self) -> int: ...
    @property
    def num_attention_heads(self) -> int: ...
    @property
    def num_key_value_heads(self) -> int: ...
    @property
    def head_dim(self) -> int: ...


class Memory(Protocol):
    """The keys and values of earlier positions, as in nn.cache.Cache."""

    def update(self, layer: int, new: mx.array) -> tuple[mx.array, mx.array]: ...


@dataclass(frozen=True)
class Step:
    """What the layers share on the way of some positions through them."""

    cache: Memory
    rotate: Rotate
    mask: mx.array | None


class Attention(Module):
    def __init__(self, shape: Heads) -> None:
        super().__init__()
        self._heads = shape.num_attention_heads
        rows = (self._heads + 2 * shape.num_key_value_heads) * shape.head_dim
        self.qkv_proj = Linear(shape.hidden_size, rows, bias=False)
        self.o_proj = Linear(self._heads * shape.head_dim, shape.hidden_size, bias=False)

    def __call__(self, x: mx.array, step: Step, layer: int) -> mx.array:
        queries, new = mx.split(step.rotate(self.qkv_proj(x)), [self._heads], axis=1)
        keys, values = step.cache.update(layer, new)
        return self.o_proj(attend(queries, keys, values, step.mask))


def attend(queries: mx.array, keys: mx.array, values: mx.array, mask: mx.array | None) -> mx.array:
    """Causal attention of the last T of S positions: (B, H, T, D) to (B, K, S, D), K dividing H;
    returns (B, T, H * D). `mask`, (B, 1, T, S), if given says which each may look at instead."""
    batch, heads, time, dim = queries.shape
    scale = dim**-0.5
    # One position on a CPU is quicker as products. On CUDA several are: MLX has cuDNN plan its own
    # operation anew for each number of rows and positions, which takes longer than to compute it.
    if not (time == 1 if on_cpu() else time > 1 and on_cuda()):
        seen = "causal" if mask is None and time > 1 else mask
        y = mx.fast.scaled_dot_product_attention(queries, keys, values, scale=scale, mask=seen)
        return y.swapaxes(1, 2).reshape(batch, time, -1)
    if time > 1 and mask is None:
        mask = mx.tri(time, keys.shape[2], keys.shape[2] - time, dtype=mx.bool_)
    if time > 1 and mask is not None:
        mask = mx.tile(mask, (heads // keys.shape[1], 1))
    return by_products(queries, keys, values, mask)


def by_products(
    queries: mx.array, keys: mx.array, values: mx.array, mask: mx.array | None
) -> mx.array:
    """As `attend`; the heads of a group, and their positions, are the rows of a product, and so of
    `mask`, (B, 1, H / K * T, S); None for all. Scores are in float32."""
    batch, heads, time, dim = queries.shape
    scaled = queries.reshape(batch, keys.shape[1], -1, dim) * dim**-0.5
    scores = scaled.astype(mx.float32) @ keys.swapaxes(2, 3).astype(mx.float32)
    if mask is not None:
        scores = mx.where(mask, scores, -mx.inf)
    y = mx.softmax(scores, axis=-1).astype(values.dtype) @ values
    return y.reshape(batch, heads, time, dim).swapaxes(1, 2).reshape(batch, time, -1)


class MLP(Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_up_proj = Linear(shape.hidden_size, 2 * shape.intermediate_size, bias=False)
        self.down_proj = Linear(shape.intermediate_size, shape.hidden_size, bias=False)

    def __call__(self, x: mx.array) -> mx.array:
        gate, up = mx.split(self.gate_up_proj(x), 2, axis=-1)
        return self.down_proj(gate * mx.sigmoid(gate) * up)


class Block(Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.self_attn = Attention(shape)
        self.mlp = MLP(shape)
        self.input_layernorm = RMSNorm(shape.hidden_size, shape.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(shape.hidden_size, shape.rms_norm_eps)

    def __call__(self, x: mx.array, step: Step, layer: int) -> mx.array:
        x = x + self.self_attn(self.input_layernorm(x), step, layer)
        return x + self.mlp(self.post_attention_layernorm(x))


class Stack(Module):
    """The blocks and the norm after them."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.rope = Rope(
            shape.head_dim,
            shape.num_attention_heads,
            shape.num_key_value_heads,
            shape.rope_theta,
            shape.rope_scaling,
        )
        self.layers: list[Any] = [Block(shape) for _ in range(shape.num_hidden_layers)]
        self.norm = RMSNorm(shape.hidden_size, shape.rms_norm_eps)
        self._steps: Steps | None = None

    def run(self, x: mx.array, cache: Cache) -> mx.array:
        """Hidden states, (B, T, hidden_size), of the next inputs, of the same shape, of all rows of
        the cache; several at a time only of rows that began at once."""
        count = x.shape[1]
        if count == 1 and on_cpu() and x.dtype == mx.float32 and little(self.shape):
            if self._steps is None:  # weights are loaded before anything is computed
                self._steps = Steps(self)
            return self._steps(x, cache)
        step = Step(cache, self.rope.at(cache.offset, count), cache.mask)
        for n, layer in enumerate(self.layers):
            x = layer(x, step, n)
        cache.advance(count)
        hidden: mx.array = self.norm(x)
        return hidden


class Transformer(Stack):
    """With the embedding before them."""

    def __init__(self, shape: Shape, vocab_size: int) -> None:
        super().__init__(shape)
        self.embed_tokens = Embedding(vocab_size, shape.hidden_size)

    def __call__(self, tokens: mx.array, cache: Cache) -> mx.array:
        """`run` with tokens, (B, T)."""
        return self.run(self.embed_tokens(tokens), cache)


TURNED = re.compile(r"\.[qk]_proj\.weight$")
FUSED = {
    "qkv_proj": ("q_proj", "k_proj", "v_proj"),
    "gate_up_proj": ("gate_proj", "up_proj"),
}


def check_parts(weights: Mapping[str, Tensor], shape: Shape, stem: str) -> None:
    """Raise ModelError for a matrix that is missing or misshapen, before `fuse` hides its name.
    `stem` is the transformer's name."""
    rows = {
        "self_attn.q_proj": shape.num_attention_heads * shape.head_dim,
        "self_attn.k_proj": shape.num_key_value_heads * shape.head_dim,
        "self_attn.v_proj": shape.num_key_value_heads * shape.head_dim,
        "mlp.gate_proj": shape.intermediate_size,
        "mlp.up_proj": shape.intermediate_size,
    }
    for layer, part in product(range(shape.num_hidden_layers), rows):
        name = f"{stem}.layers.{layer}.{part}.weight"
        if name not in weights:
            raise ModelError(f"no tensor {name}")
        found, wanted = weights[name].shape, (rows[part], shape.hidden_size)
        if found != wanted:
            raise ModelError(f"tensor {name} has shape {found}, not {wanted}")


def turn(weights: Mapping[str, Tensor], head_dim: int) -> dict[str, Tensor]:
    """Hugging Face's tensors with the rows of queries and keys as `Rope` wants them."""
    return {
        name: order(tensor, lambda part: interleave(part, head_dim))
        if TURNED.search(name)
        else tensor
        for name, tensor in weights.items()
    }


def fuse(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a `turn`ed checkpoint to this module's: matrices that are one here stacked.
    Raises ModelError if one of these is missing."""
    fused = dict(weights)
    for whole, parts in FUSED.items():
        for name in weights:
            head, found, _ = name.partition(f".{parts[0]}.weight")
            if not found:
                continue
            names = [f"{head}.{part}.weight" for part in parts]
            if missing := [name for name in names if name not in weights]:
                raise ModelError(f"no tensor {missing[0]}")
            fused[f"{head}.{whole}.weight"] = stack([fused.pop(name) for name in names])
    return fused


def unturn(tensors: Mapping[str, mx.array], head_dim: int) -> dict[str, mx.array]:
    """What `turn` was given."""
    return {
        name: deinterleave(tensor, head_dim) if TURNED.search(name) else tensor
        for name, tensor in tensors.items()
    }


def unfuse(tensors: Mapping[str, mx.array], shape: Shape) -> dict[str, mx.array]:
    """What `fuse` was given."""
    heads = shape.num_attention_heads * shape.head_dim
    groups = shape.num_key_value_heads * shape.head_dim
    cuts = {"qkv_proj": [heads, heads + groups], "gate_up_proj": [shape.intermediate_size]}
    apart: dict[str, mx.array] = {}
    for name, tensor in tensors.items():
        head, _, whole = name.removesuffix(".weight").rpartition(".")
        if whole not in FUSED:
            apart[name] = tensor
            continue
        for part, rows in zip(FUSED[whole], mx.split(tensor, cuts[whole]), strict=True):
            apart[f"{head}.{part}.weight"] = rows
    return apart


def matrices(shape: Shape, stem: str) -> list[Matrix]:
    """Those of the blocks in a checkpoint, where `stem` is the transformer's name."""
    roles: dict[str, Any] = {"self_attn.v_proj": "values", "mlp.down_proj": "down"}
    layers = [f"self_attn.{part}_proj" for part in "qkvo"]
    layers += [f"mlp.{part}_proj" for part in ("gate", "up", "down")]
    blocks = shape.num_hidden_layers
    return [
        Matrix(f"{stem}.layers.{block}.{layer}", roles.get(layer, "other"), block, blocks)
        for block, layer in product(range(blocks), layers)
    ]
