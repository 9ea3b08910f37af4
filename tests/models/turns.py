"""Rows of a batch that come and go, for the tests of every model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def said_in_turns(
    batch: Any, join: Callable[[list[int]], None], joins: dict[int, list[int]], frames: int
) -> list[list[list[int]]]:
    """What each row says in so many frames: those numbered `joins[frame]` join then, and leave when
    they have said theirs."""
    said: list[list[list[int]]] = [[] for coming in joins.values() for _ in coming]
    rows: list[int] = []
    for frame in range(max(joins) + frames):
        if coming := joins.get(frame):
            join(coming)
            rows += coming
        for number, codes in zip([*rows], batch.frame().codes.tolist(), strict=True):
            said[number].append(codes)
            if len(said[number]) == frames:
                batch.leave(rows.index(number))
                rows[rows.index(number)] = rows[-1]
                rows.pop()
    return said
