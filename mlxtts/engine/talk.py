"""An engine as a pipe sees it: requests in, records of one utterance after another out."""

from __future__ import annotations

from collections.abc import Iterator

from mlxtts.engine.engine import Engine
from mlxtts.engine.order import Order, Spoken
from mlxtts.engine.request import Request
from mlxtts.wire.tokens import End


class Talk:
    """`ordered`: utterances come out in the order in which they went in."""

    def __init__(self, engine: Engine, *, ordered: bool = True) -> None:
        self._engine = engine
        self._order: Order[Spoken] = Order(matters=ordered)
        self._speaking: set[str] = set()

    @property
    def busy(self) -> bool:
        """Whether there is something still to come."""
        return bool(self._speaking)

    @property
    def room(self) -> bool:
        """Whether one more could be spoken at the same time."""
        return self._engine.room > 0

    def add(self, request: Request) -> Iterator[Spoken]:
        """Take a request, once no other of its name is spoken; yields what comes before it."""
        while request.id in self._speaking:
            yield from self.step()
        self._speaking.add(request.id)
        self._engine.add(request)

    def step(self) -> Iterator[Spoken]:
        """Go on for about a frame; yields what has come of it."""
        for record in self._order.push(self._engine.step()):
            if isinstance(record, End):
                self._speaking.remove(record.id)
            yield record
