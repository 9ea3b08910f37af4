"""Waiting for input without being in its way. Standard library only."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterable
from typing import Generic, TypeVar

PATIENCE = 1.0
"""Seconds that anything waits in one go: a signal just before a call is not seen during it."""

T = TypeVar("T")


class Ahead(Generic[T]):
    """The items of an iterator, which a thread waits for, so that others can be worked on."""

    def __init__(self, items: Iterable[T]) -> None:
        self.ended = False
        self._queue: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(1)
        threading.Thread(target=self._fill, args=[items], daemon=True).start()

    def next(self, *, wait: bool) -> T | None:
        """The next item, or None if there is none, yet or any more. Raises what getting it did."""
        if self.ended:
            return None
        got = None
        while got is None:
            with contextlib.suppress(queue.Empty):
                got = self._queue.get(block=wait, timeout=PATIENCE)
            if got is None and not wait:
                return None
        item, error = got
        if error:
            raise error
        self.ended = item is None
        return item

    def _fill(self, items: Iterable[T]) -> None:
        try:
            for item in items:
                self._queue.put((item, None))
            self._queue.put((None, None))
        except BaseException as error:
            self._queue.put((None, error))
