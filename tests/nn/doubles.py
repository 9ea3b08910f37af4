"""What nn.cuda's kernels compute, in numpy; and the same for arrays of MLX on a CPU, in their own
memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlxtts.nn import mx
from mlxtts.nn.cuda import Held
from mlxtts.nn.cuda.alone import Matrix
from mlxtts.nn.quantization import Packing

Numbers = np.ndarray[Any, Any]


def placed(qkv: Numbers, held: Numbers, positions: Numbers, rates: Numbers, heads: int) -> Numbers:
    """Changes `held`; returns the queries."""
    groups, dim = held.shape[1] // 2, held.shape[3]
    x = qkv.reshape(len(qkv), -1, dim).copy()
    turned = x[:, : heads + groups].reshape(len(x), heads + groups, -1, 2)
    angles = positions[:, None] * rates
    whole = (turned[..., 0] + 1j * turned[..., 1]) * np.exp(1j * angles)[:, None]
    x[:, : heads + groups] = np.stack([whole.real, whole.imag], -1).reshape(len(x), -1, dim)
    for row, position in enumerate(positions):
        held[row, :, position] = x[row, heads:]
    return x[:, :heads].reshape(len(x), -1)


def turned(qkv: Numbers, rates: Numbers, heads: int, dim: int) -> tuple[Numbers, Numbers]:
    batch, time, width = qkv.shape
    held = np.zeros((batch * time, width // dim - heads, time, dim), dtype=np.float32)
    positions = np.tile(np.arange(time), batch)
    queries = placed(qkv.reshape(batch * time, -1), held, positions, rates, heads)
    there = held[np.arange(batch * time), :, positions].reshape(batch, time, -1, dim)
    return (
        queries.reshape(batch, time, heads, dim).swapaxes(1, 2).copy(),
        there.swapaxes(1, 2).copy(),
    )


def attended(queries: Numbers, held: Numbers, positions: Numbers) -> Numbers:
    groups, dim = held.shape[1] // 2, held.shape[3]
    rows = []
    for row, last in enumerate(positions[: len(queries)]):
        q = queries[row].reshape(groups, -1, dim)
        keys, values = np.split(held[row, :, : last + 1], 2)
        scores = np.einsum("kgd,ksd->kgs", q, keys) * dim**-0.5
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        rows.append(np.einsum("kgs,ksd->kgd", weights, values).reshape(-1))
    return np.stack(rows).astype(np.float32)


def added(x: Numbers, y: Numbers, weight: Numbers, eps: Numbers) -> tuple[Numbers, Numbers]:
    total = x + y
    return total, total / np.sqrt((total**2).mean(-1, keepdims=True) + eps[0]) * weight


def gated(both: Numbers) -> Numbers:
    gate, up = np.split(both, 2, axis=-1)
    return gate * _sigmoid(gate) * up


def chosen(logits: Numbers, settings: Numbers, noise: Numbers, said: Numbers, slot: int) -> Numbers:
    codes = []
    for row, (temperature, draw, top_p, min_p, penalty) in enumerate(settings.tolist()):
        x = logits[row].astype(np.float32)
        seen = np.unique(said[row, :, slot])
        seen = seen[seen < len(x)]
        x[seen] = np.where(x[seen] > 0, x[seen] / penalty, x[seen] * penalty)
        x /= temperature
        order = np.argsort(-x)
        p = np.exp(x[order] - x.max())
        above = np.concatenate([[0], np.cumsum(p)[:-1]])
        kept = order[(above < top_p * p.sum()) | (top_p == 1)]
        if min_p:
            kept = kept[x[kept] >= x.max() + np.log(min_p)]
        kept = np.sort(kept)
        scores = x[kept] + draw * noise[row, slot, kept]
        codes.append(int(kept[np.argmax(scores)]))
    return np.array(codes, dtype=np.int32)


def _sigmoid(x: Numbers) -> Numbers:
    return np.asarray(1 / (1 + np.exp(-x)))


def recurred(inputs: Numbers, weights: Numbers, lengths: Numbers) -> Numbers:
    _, batch, time, _ = inputs.shape
    size = weights.shape[1]
    states = np.zeros((batch, time, 2, size), dtype=np.float32)
    for row, length in enumerate(lengths):
        for way, order in enumerate((range(length), range(length)[::-1])):
            hidden = cell = np.zeros(size, dtype=np.float32)
            for t in order:
                gates = inputs[way, row, t] + hidden @ weights[way]
                i, f, new, o = np.split(gates, 4)
                cell = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(new)
                hidden = states[row, t, way] = _sigmoid(o) * np.tanh(cell)
    return states.reshape(batch, time, -1)


def memory(array: mx.array) -> Numbers:
    """Its own, so that what changes that changes the array."""
    mx.eval(array)
    return np.array(array, copy=False)


def packed(numbers: Numbers) -> tuple[Numbers, Numbers]:
    """In 8 bits, and what 1 stands for."""
    most = np.abs(numbers).max(-1) / np.float32(127)
    scales = np.where(most > 0, most, 1).astype(np.float32)
    return np.rint(numbers / scales[..., None]).astype(np.int8), scales


def place(qkv: mx.array, held: Held, positions: mx.array, rates: mx.array, heads: int) -> mx.array:
    there, scales = map(memory, held)
    whole = there * scales[..., None] if there.dtype == np.int8 else there
    at = memory(positions)[: len(qkv)]
    queries = placed(memory(qkv), whole, at, memory(rates), heads)
    if there.dtype == np.int8:
        rows = range(len(at))
        there[rows, :, at], scales[rows, :, at] = packed(whole[rows, :, at])
    return mx.array(queries)


def turn(qkv: mx.array, rates: mx.array, heads: int, dim: int) -> tuple[mx.array, mx.array]:
    queries, held = turned(memory(qkv), memory(rates), heads, dim)
    return mx.array(queries), mx.array(held)


def add_rms_norm(
    x: mx.array, y: mx.array, weight: mx.array, eps: mx.array
) -> tuple[mx.array, mx.array]:
    total, normal = added(*map(memory, (x, y, weight, eps)))
    return mx.array(total), mx.array(normal)


def gate(both: mx.array) -> mx.array:
    return mx.array(gated(memory(both)))


def attend(queries: mx.array, held: Held, positions: mx.array) -> mx.array:
    there, scales = map(memory, held)
    whole = there * scales[..., None] if there.dtype == np.int8 else there
    return mx.array(attended(memory(queries), whole, memory(positions)))


def pack_row(
    sources: Sequence[mx.array], row: int, held: Sequence[Held], to: int, count: int
) -> list[mx.array]:
    for theirs, ours in zip(sources, held, strict=True):
        there, scales = map(memory, ours)
        there[to, :, :count], scales[to, :, :count] = packed(memory(theirs)[row, :, :count])
    return [mx.array(1)]


def copy_row(
    sources: Sequence[mx.array], row: int, held: Sequence[mx.array], to: int, count: int
) -> list[mx.array]:
    for theirs, ours in zip(sources, held, strict=True):
        memory(ours)[to, :, :count] = memory(theirs)[row, :, :count]
    return [mx.array(1)]


def choose(
    logits: mx.array, settings: mx.array, noise: mx.array, said: mx.array, slot: int
) -> mx.array:
    given = (memory(array) for array in (logits.astype(mx.float32), settings, noise, said))
    return mx.array(chosen(*given, slot))


def recur(inputs: mx.array, weights: mx.array, lengths: mx.array) -> mx.array:
    return mx.array(recurred(memory(inputs), memory(weights), memory(lengths)))


def multiply_add(x: mx.array, matrix: Matrix, packing: Packing | None, more: mx.array) -> mx.array:
    return more + x @ unpacked(matrix, packing).T


def multiply_gate(
    x: mx.array, norm: mx.array, eps: mx.array, matrix: Matrix, packing: Packing | None
) -> mx.array:
    return gate(mx.fast.rms_norm(x, norm, eps[0].item()) @ unpacked(matrix, packing).T)


def multiply_place(
    x: mx.array,
    norm: mx.array,
    eps: mx.array,
    matrix: Matrix,
    packing: Packing | None,
    held: Held,
    positions: mx.array,
    rates: mx.array,
) -> mx.array:
    qkv = mx.fast.rms_norm(x, norm, eps[0].item()) @ unpacked(matrix, packing).T
    _, groups, _, dim = held[0].shape
    return place(qkv, held, positions, rates, qkv.shape[1] // dim - groups)


def unpacked(matrix: Matrix, packing: Packing | None) -> mx.array:
    return mx.dequantize(*matrix, **packing.options) if packing else matrix[0]
