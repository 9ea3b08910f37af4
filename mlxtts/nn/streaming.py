"""Signals on their way through layers that look back only, a stretch at a time.

What a layer needs of the stretches before is its tail: the last steps of its input, or of what it
made of them. Time is the last axis but one. Rows are signals of their own, which may have begun at
different times; before the beginning of each there is silence, so that a row that begins has a tail
of zeros, or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from mlxtts.nn import mx


@dataclass(frozen=True, eq=False)
class State:
    """Signals between two stretches, a row each: how many steps there were so far, and the tails of
    the layers in the order in which they ask for them."""

    positions: tuple[int, ...]
    tails: tuple[mx.array, ...] = ()


Row = tuple[State, int]


def gather(rows: Sequence[Row]) -> State:
    """Rows of states as one state."""
    first = rows[0][0]
    if [*rows] == [(first, row) for row in range(len(first.positions))]:
        return first
    runs = [
        (state.tails, [row for _, row in run]) for state, run in groupby(rows, lambda row: row[0])
    ]
    return State(tuple(state.positions[row] for state, row in rows), gather_tails(runs))


def gather_tails(
    runs: Sequence[tuple[tuple[mx.array, ...], list[int]]],
) -> tuple[mx.array, ...]:
    """Of each of these tails some rows. Shorter tails get zeros in front; missing ones are zero."""
    gathered = []
    for n in range(max(len(tails) for tails, _ in runs)):
        there = [tails[n] for tails, _ in runs if n < len(tails)]
        like = max(there, key=lambda tail: tail.shape[-2])
        parts = [
            _longer(tails[n][mx.array(run)], like.shape[-2])
            if n < len(tails)
            else mx.zeros((len(run), *like.shape[1:]))
            for tails, run in runs
        ]
        gathered.append(mx.concatenate(parts))
    return tuple(gathered)


def _longer(x: mx.array, length: int) -> mx.array:
    missing = length - x.shape[-2]
    if not missing:
        return x
    silence = mx.zeros((*x.shape[:-2], missing, x.shape[-1]), x.dtype)
    return mx.concatenate([silence, x], axis=-2)


class Flow:
    """One stretch of all rows on its way. Each layer that looks back asks once for its tail, and
    leaves the next one.

    tails: those to go on from.
    """

    def __init__(self, state: State) -> None:
        self._before = state.tails
        self.tails: list[mx.array] = []

    @property
    def held(self) -> int:
        """How many steps the next tail has."""
        tail = self._tail()
        return 0 if tail is None else tail.shape[-2]

    def extend(self, x: mx.array, by: int, *, hold: bool = False) -> mx.array:
        """`x` with the `by` steps before it in front. `hold`: before the beginning the first step
        lasted for ever, instead of silence; for rows that begin together."""
        tail = self._tail()
        if tail is None:
            silence = mx.zeros((len(x), by, x.shape[2]))
            tail = mx.repeat(x[:, :1], by, axis=1) if hold else silence
        return self._join(tail, x, by)

    def recall(self, x: mx.array, most: int) -> mx.array:
        """`x` with at most so many steps before it in front, as many as the longest row had."""
        return self._join(self._tail(), x, most)

    def _tail(self) -> mx.array | None:
        at = len(self.tails)
        return self._before[at] if at < len(self._before) else None

    def _join(self, tail: mx.array | None, x: mx.array, keep: int) -> mx.array:
        joined = x if tail is None else mx.concatenate([tail, x], axis=-2)
        self.tails.append(joined[..., max(joined.shape[-2] - keep, 0) :, :])
        return joined
