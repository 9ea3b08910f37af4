"""Stretches of signals on their way through the decoder's layers.

Arrays are (batch, time, channels); a row of a batch is a signal of its own, which may have begun
before the others. A layer takes a stretch of its input, which continues the last one, and gives the
stretch of its output that is settled by then: as long as its input times its rate, and late by what
the layer looks ahead. What lies before the beginning or after the end is zero at the input of every
convolution, as the padding of the one-shot decoder has it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Generic, TypeVar

import numpy as np

from mlxtts.nn import mx, on_cuda
from mlxtts.nn.cuda.units import Stretch
from mlxtts.nn.streaming import gather_tails

NEVER = 2**31 - 1
Array = TypeVar("Array", mx.array, np.ndarray)


@dataclass(frozen=True, eq=False)
class State:
    """Signals between two stretches, a row each: how many latents there were so far, the keys of
    their noise, (B, 2), or None without noise, and the last inputs of each convolution."""

    positions: tuple[int, ...]
    keys: mx.array | None
    carries: tuple[mx.array, ...] = ()


Row = tuple[State, int]


def gather(rows: Sequence[Row]) -> State:
    """Rows of states as one state."""
    first = rows[0][0]
    if [*rows] == [(first, row) for row in range(len(first.positions))]:
        return first
    runs = [(state, [row for _, row in run]) for state, run in groupby(rows, lambda row: row[0])]
    keys = [state.keys[mx.array(run)] for state, run in runs if state.keys is not None]
    return State(
        tuple(state.positions[row] for state, row in rows),
        mx.concatenate(keys) if keys else None,
        _at_hand(rows)
        if keys and on_cuda()
        else gather_tails([(state.carries, run) for state, run in runs]),
    )


def _at_hand(rows: Sequence[Row]) -> tuple[mx.array, ...]:
    """Carries of rows, in one operation each if the rows that have any are of one state: a row that
    begins gets another's, since kernels take all for zero that lies before a beginning."""
    gathered: list[mx.array] = []
    for count in sorted({len(state.carries) for state, _ in rows}):
        there = next(row for row in rows if len(row[0].carries) >= count)
        having = [row if len(row[0].carries) >= count else there for row in rows]
        runs = [
            (state.carries, mx.array([row for _, row in run]))
            for state, run in groupby(having, lambda row: row[0])
        ]
        for n in range(len(gathered), count):
            parts = [mx.take(carries[n], run, axis=0) for carries, run in runs]
            gathered.append(mx.concatenate(parts))
    return tuple(gathered)


class Course(ABC, Generic[Array]):
    """A stretch of each row on its way through the layers: which samples of the layer's signal
    these are, counted from where the stretch began.

    What lies before the beginning of every row is not computed. When a stretch is used up in this
    way, a layer gives None, and the layers after it have nothing to do yet. `ended`: the signals
    ended before this stretch.
    """

    def __init__(self, state: State, ended: bool) -> None:
        self.start = 0
        self.rate = 1
        self.ended = ended
        self.carries: list[mx.array] = []
        self._carries = iter(state.carries)
        self._positions = state.positions
        self._least, self._most = min(state.positions), max(state.positions)

    @abstractmethod
    def extend(self, x: Array, by: int) -> Array:
        """`x` with the `by` samples before it in front, and zeros outside the signal."""

    @cached_property
    def places(self) -> mx.array:
        """The latents of each row before this stretch, (B,)."""
        return mx.array(self._positions, dtype=mx.int32)

    @property
    def starts(self) -> int | mx.array:
        """The index of the first sample in its signal: of all rows, or (B, 1)."""
        same = self._least == self._most
        return (self._least if same else self.places[:, None]) * self.rate + self.start

    def window(self, x: Array, reach: int) -> Array | None:
        """What a kernel that reaches so far to both sides needs for the outputs that are settled:
        the inputs with those before them in front."""
        joined = self.extend(x, 2 * reach)
        early = self._move(self.start - reach)
        return joined[:, early:] if early < x.shape[1] else None

    def risen(self, rate: int) -> int:
        """Where the samples of what is `rate` times as long start, from where the stretch began."""
        return self.start * rate - (rate + 1) // 2

    def rise(self, rate: int) -> int:
        """Turn to what is `rate` times as long; returns how much of it lies before every
        beginning."""
        start = self.risen(rate)
        self.rate *= rate
        return self._move(start)

    def _move(self, start: int) -> int:
        """Turn to where the samples start; returns how many of them are before every beginning."""
        early = max(0, -(self._most * self.rate + start))
        self.start = start + early
        return early


class Flow(Course[mx.array]):
    """Of MLX's arrays."""

    def extend(self, x: mx.array, by: int) -> mx.array:
        x = self._inside(x)
        batch, _, channels = x.shape
        carry = next(self._carries, None)
        x = mx.concatenate([mx.zeros((batch, by, channels)) if carry is None else carry, x], axis=1)
        self.carries.append(x[:, -by:])
        return x

    def through(
        self, kernel: Callable[..., tuple[mx.array, ...]], x: mx.array, by: int, *weights: mx.array
    ) -> Sequence[mx.array]:
        """What a kernel of nn.cuda.units makes of `x`. It does itself what `extend` does."""
        carry = next(self._carries, None)
        if carry is None:
            carry = mx.zeros((len(x), by, x.shape[2]))
        stop = -self.start if self.ended else NEVER
        stretch = Stretch(x, carry, self.places, self.rate, self.start, stop)
        *made, carry = kernel(stretch, *weights)
        self.carries.append(carry)
        return made

    def settled(self, y: mx.array, reach: int) -> mx.array | None:
        """Of outputs of a kernel that reaches so far to both sides, which end with its input, those
        that do not lie before every beginning."""
        early = self._move(self.start - reach)
        return y[:, early:] if early < y.shape[1] else None

    def upsampled(self, x: mx.array, rate: int) -> mx.array | None:
        """`x`, `rate` times as long as its input was, without what lies before the beginning."""
        early = self.rise(rate)
        return x[:, early:] if early < x.shape[1] else None

    def _inside(self, x: mx.array) -> mx.array:
        length = x.shape[1]
        if self._least * self.rate + self.start < 0:
            x = mx.where((self.starts + mx.arange(length) >= 0)[..., None], x, 0)
        if self.ended and self.start + length > 0:
            x = mx.where((mx.arange(length) < -self.start)[:, None], x, 0)
        return x
