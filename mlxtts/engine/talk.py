"""An engine as a pipe sees it: requests in, what comes of one utterance after another out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from mlxtts.engine.order import Named, Order
from mlxtts.engine.request import Request
from mlxtts.wire.tokens import End

T = TypeVar("T", bound=Named)
Item = TypeVar("Item")
Item_co = TypeVar("Item_co", covariant=True)


class Speaks(Protocol[T]):
    """An Engine or a Synthesis."""

    @property
    def room(self) -> int: ...

    def add(self, request: Request) -> None: ...

    def step(self) -> list[T]: ...


class Coming(Protocol[Item_co]):
    """What is still to be said; see ahead.Ahead."""

    @property
    def ended(self) -> bool: ...

    def next(self, *, wait: bool) -> Item_co | None: ...


class Talk(Generic[T]):
    """`ordered`: utterances come out in the order in which they went in."""

    def __init__(self, engine: Speaks[T], *, ordered: bool = True) -> None:
        self._engine = engine
        self._order: Order[T] = Order(matters=ordered)
        self._speaking: set[str] = set()

    def run(self, coming: Coming[Item], make: Callable[[Item], Request | None]) -> Iterator[T]:
        """Speak all that comes, as soon as there is room for it. `make` makes a request of an item,
        or None if there is nothing to be said."""
        while self._speaking or not coming.ended:
            while self._engine.room > 0:
                item = coming.next(wait=not self._speaking)
                if item is None:
                    break
                if request := make(item):
                    yield from self._add(request)
            yield from self._step()

    def _add(self, request: Request) -> Iterator[T]:
        """Take a request, once no other of its name is spoken."""
        while request.id in self._speaking:
            yield from self._step()
        self._speaking.add(request.id)
        self._engine.add(request)

    def _step(self) -> Iterator[T]:
        for event in self._order.push(self._engine.step()):
            if isinstance(event, End):
                self._speaking.remove(event.id)
            yield event
