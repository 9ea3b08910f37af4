"""Keys and values of the positions so far, for rows that began at different times.

At each step all rows write to the same column, so that a step is one update of one array a layer.
What lies left of a row's first column is not its own and is masked. The last row takes the place of
one that leaves, and columns that no row needs any more are left out when there is no room for more.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlxtts.nn import mx
from mlxtts.nn.stretches import memory

STEP = 256  # columns come in so many


class Cache:
    """With one row, of no positions yet, or with none for `append` to add to."""

    def __init__(self, layers: int, rows: int = 1) -> None:
        self._layers: list[mx.array | None] = [None] * layers
        self._starts = [0] * rows
        self._column = 0
        self._rows_changed()

    @classmethod
    def of(cls, layers: Sequence[mx.array]) -> Cache:
        """Of rows that began at once: those of all layers, (rows, 2 kv_heads, columns, head_dim)
        each."""
        cache = cls(len(layers), len(layers[0]))
        cache._layers, cache._column = [*layers], layers[0].shape[2]
        cache._rows_changed()
        return cache

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self._starts)

    @property
    def layers(self) -> list[mx.array]:
        """Those of all layers, (rows, 2 kv_heads, columns, head_dim) each; a row that began first
        begins in the first column, as all do that began at once."""
        return [held for held in self._layers if held is not None]

    @property
    def offset(self) -> int | mx.array:
        """The next position: of all rows, or where they differ of each, (B,)."""
        return self._column - (self._first if self._begun is None else self._begun)

    @property
    def mask(self) -> mx.array | None:
        """Which of the columns each row may look at in a step of one position, (B, 1, 1, S); None
        if it is all."""
        if self._begun is None:
            return None
        columns = mx.arange(self._first, self._column + 1)
        return (columns >= self._begun[:, None])[:, None, None]

    def update(self, layer: int, new: mx.array) -> tuple[mx.array, mx.array]:
        """Add keys and values, (B, 2 kv_heads, T, head_dim), to a layer, the first one first;
        returns the keys and the values of all S columns, (B, kv_heads, S, head_dim) each."""
        if layer == 0:
            self._make_room(new.shape[2])
        rows, heads, count, _ = new.shape
        stop = self._column + count
        held = self._layers[layer]
        if held is None:
            held = self._layers[layer] = _empty(new, rows, stop)
        held[:rows, :, self._column : stop] = new
        there = slice(self._first, stop)
        return held[:rows, : heads // 2, there], held[:rows, heads // 2 :, there]

    def put(self, layer: int, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`update` on a CPU with the next position of each row, (B, 2 kv_heads, head_dim), in
        place."""
        if layer == 0:
            self._make_room(1)
        rows, heads, _ = new.shape
        held = self._layers[layer]
        if held is None:
            held = self._layers[layer] = _empty(mx.array(new[:, :, None]), rows, self._column + 1)
        place = memory(held)[:rows]
        place[:, :, self._column] = new
        there = place[:, :, self._first : self._column + 1]
        return there[:, : heads // 2], there[:, heads // 2 :]

    def advance(self, count: int) -> None:
        """Say that all layers have been given `count` more positions."""
        self._column += count

    def fork(self) -> Cache:
        """Another of the same rows and positions; each goes on alone."""
        other = Cache(len(self._layers), len(self))
        other._layers = [None if held is None else held + 0 for held in self._layers]  # copies
        other._starts, other._column = [*self._starts], self._column
        other._rows_changed()
        return other

    def append(self, other: Cache, row: int, length: int) -> None:
        """Add the first positions of a row, of a cache whose rows began at once, as the last."""
        rows = len(self)
        if not rows:
            self._column = length
        if shift := max(0, length - self._column):
            self._move(shift, self._column + shift)
        here = slice(self._column - length, self._column)
        for n, theirs in enumerate(other._layers):
            assert theirs is not None
            held = self._layers[n]
            if held is None or len(held) <= rows or held.shape[2] < self._column:
                held = self._layers[n] = _grown(held, theirs, 2 * rows or 1, self._column)
            held[rows : rows + 1, :, here] = theirs[row : row + 1, :, :length]
        self._starts.append(here.start)
        self._rows_changed()

    def remove(self, row: int) -> None:
        """Give a row up; the last one takes its place."""
        last = len(self) - 1
        if row < last:
            for held in self._layers:
                assert held is not None
                held[row : row + 1] = held[last : last + 1]
        self._starts[row] = self._starts[last]
        self._starts.pop()
        self._rows_changed()

    def _make_room(self, count: int) -> None:
        held = self._layers[0]
        if held is not None and self._column + count > held.shape[2]:
            self._move(-self._first, self._column + count - self._first)

    def _move(self, shift: int, columns: int) -> None:
        """Move everything so far to the right, into so many columns at least."""
        used = slice(self._first, self._column)
        for n, held in enumerate(self._layers):
            assert held is not None
            moved = _empty(held, len(held), columns)
            moved[:, :, self._first + shift : self._column + shift] = held[:, :, used]
            self._layers[n] = moved
        self._starts = [start + shift for start in self._starts]
        self._column += shift
        self._rows_changed()

    def _rows_changed(self) -> None:
        self._first = min(self._starts, default=0)
        aligned = all(start == self._first for start in self._starts)
        self._begun = None if aligned else mx.array(self._starts)


def _empty(like: mx.array, rows: int, columns: int) -> mx.array:
    return mx.zeros((rows, like.shape[1], -(-columns // STEP) * STEP, like.shape[3]), like.dtype)


def _grown(held: mx.array | None, like: mx.array, rows: int, columns: int) -> mx.array:
    if held is None:
        return _empty(like, rows, columns)
    grown = _empty(like, max(rows, len(held)), max(columns, held.shape[2]))
    grown[: len(held), :, : held.shape[2]] = held
    return grown
