"""PL-BERT: what each phoneme means in its sentence (ALBERT, arXiv:1909.11942: all layers share
their weights). Modules are named as in transformers' AlbertModel."""

from __future__ import annotations

import math
from typing import Any

from mlxtts.codecs.kokoro.config import Bert
from mlxtts.nn import Embedding, LayerNorm, Module, mx, on_cuda
from mlxtts.nn.cuda import encoder
from mlxtts.nn.cuda.fused import in_one
from mlxtts.nn.linear import Linear
from mlxtts.nn.ragged import Ragged
from mlxtts.nn.stretches import elementwise


@in_one
def gelu(x: mx.array) -> mx.array:
    """By a hyperbolic tangent, as the model was trained with."""
    return 0.5 * x * (1 + elementwise("tanh", math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


class Embeddings(Module):
    def __init__(self, config: Bert, tokens: int) -> None:
        super().__init__()
        width = config.embedding_size
        self.word_embeddings = Embedding(tokens, width)
        self.position_embeddings = Embedding(config.max_position_embeddings, width)
        self.token_type_embeddings = Embedding(config.type_vocab_size, width)
        self.LayerNorm = LayerNorm(width, eps=config.layer_norm_eps)

    def __call__(self, ids: mx.array) -> mx.array:
        position = self.position_embeddings.weight[: ids.shape[1]]
        kind = self.token_type_embeddings.weight[0]
        y: mx.array = self.LayerNorm(self.word_embeddings(ids) + kind + position)
        return y


class Attention(Module):
    def __init__(self, config: Bert) -> None:
        super().__init__()
        width = config.hidden_size
        self._heads = config.num_attention_heads
        self.query = Linear(width, width)
        self.key = Linear(width, width)
        self.value = Linear(width, width)
        self.dense = Linear(width, width)
        self.LayerNorm = LayerNorm(width, eps=config.layer_norm_eps)
        self._three: tuple[mx.array, mx.array] | None = None

    def __call__(self, x: mx.array, mask: mx.array | None) -> mx.array:
        batch, time, width = x.shape
        parts = [
            part(x).reshape(batch, time, self._heads, -1).transpose(0, 2, 1, 3)
            for part in (self.query, self.key, self.value)
        ]
        scale = (width // self._heads) ** -0.5
        y = mx.fast.scaled_dot_product_attention(*parts, scale=scale, mask=mask)
        y = y.transpose(0, 2, 1, 3).reshape(batch, time, width)
        normed: mx.array = self.LayerNorm(x + self.dense(y))
        return normed

    def in_few(self, x: mx.array, rows: Ragged) -> mx.array:
        """The same on CUDA, in few operations, of (B * T, width)."""
        if self._three is None:
            parts = self.query, self.key, self.value
            bias, weight = (
                mx.concatenate([part[name] for part in parts]) for name in ("bias", "weight")
            )
            mx.eval(bias, weight)
            self._three = bias, weight.T
        y = encoder.attend_all(
            mx.addmm(self._three[0], x, self._three[1]), rows.counts, self._heads
        )
        return _added(x, y, self.dense, self.LayerNorm)


class Layer(Module):
    def __init__(self, config: Bert) -> None:
        super().__init__()
        width = config.hidden_size
        self.attention = Attention(config)
        self.ffn = Linear(width, config.intermediate_size)
        self.ffn_output = Linear(config.intermediate_size, width)
        self.full_layer_layer_norm = LayerNorm(width, eps=config.layer_norm_eps)

    def __call__(self, x: mx.array, mask: mx.array | None) -> mx.array:
        x = self.attention(x, mask)
        y: mx.array = self.full_layer_layer_norm(x + self.ffn_output(gelu(self.ffn(x))))
        return y

    def in_few(self, x: mx.array, rows: Ragged) -> mx.array:
        """The same on CUDA, in few operations, of (B * T, width)."""
        x = self.attention.in_few(x, rows)
        return _added(x, gelu(self.ffn(x)), self.ffn_output, self.full_layer_layer_norm)


def _added(x: mx.array, y: mx.array, layer: Linear, norm: LayerNorm) -> mx.array:
    """The norm of `x` and what a layer makes of `y`, both (N, width)."""
    y = y @ layer.weight.T
    return encoder.add_layer_norm(x, y, layer.bias, norm.weight, norm.bias, norm.eps)


class Group(Module):
    def __init__(self, config: Bert) -> None:
        super().__init__()
        self.albert_layers: list[Any] = [Layer(config)]


class Encoder(Module):
    def __init__(self, config: Bert) -> None:
        super().__init__()
        self._layers = config.num_hidden_layers
        self.embedding_hidden_mapping_in = Linear(config.embedding_size, config.hidden_size)
        self.albert_layer_groups: list[Any] = [Group(config)]

    def __call__(self, x: mx.array, rows: Ragged) -> mx.array:
        """(B, T, embedding_size) to (B, T, hidden_size)."""
        layer = self.albert_layer_groups[0].albert_layers[0]
        x = self.embedding_hidden_mapping_in(x)
        if on_cuda():
            y = x.reshape(-1, x.shape[2])
            for _ in range(self._layers):
                y = layer.in_few(y, rows)
            return y.reshape(x.shape)
        mask = None if rows.even else rows.own.transpose(0, 2, 1)[:, None]
        for _ in range(self._layers):
            x = layer(x, mask)
        return x


class Albert(Module):
    def __init__(self, config: Bert, tokens: int) -> None:
        super().__init__()
        self.embeddings = Embeddings(config, tokens)
        self.encoder = Encoder(config)

    def __call__(self, ids: mx.array, rows: Ragged) -> mx.array:
        """(B, T) to (B, T, hidden_size)."""
        return self.encoder(self.embeddings(ids), rows)
