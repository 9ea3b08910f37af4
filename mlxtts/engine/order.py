"""Records of utterances that are spoken at the same time, brought into one piece each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, Protocol, TypeVar

from mlxtts.wire.tokens import Begin, Codes, End

Spoken = Begin | Codes | End


class Named(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=Named)


class Order(Generic[T]):
    """Passes the records of one utterance on at once and holds those of the others back until it
    has ended: then follows the next that began, or if order does not matter, one that has ended."""

    def __init__(self, *, matters: bool) -> None:
        self._matters = matters
        self._held: dict[str, list[T]] = {}
        self._passing: str | None = None

    def push(self, records: Iterable[T]) -> Iterator[T]:
        """Take records; yields those whose turn it is."""
        for record in records:
            self._held.setdefault(record.id, []).append(record)
        while self._held:
            if self._passing is None:
                self._passing = self._next()
            due, self._held[self._passing] = self._held[self._passing], []
            yield from due
            if not due or not isinstance(due[-1], End):
                return
            del self._held[self._passing]
            self._passing = None

    def _next(self) -> str:
        if not self._matters:
            for name, records in self._held.items():
                if records and isinstance(records[-1], End):
                    return name
        return next(iter(self._held))
