"""A model that speaks letters, and a socket without a network."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import Any

from mlxtts.codecs.utterance import Options
from mlxtts.engine import Request, Sound, Speaker
from mlxtts.errors import UsageError
from mlxtts.nn.sampling import Sampling
from mlxtts.serve.runner import Event, Ticket
from mlxtts.serve.speech import Limits, Speech
from mlxtts.text.frontend import Segment
from mlxtts.wire.tokens import Begin, End

SPEAKER = Speaker("starter")
SECOND = b"\0\0\0\0" * 24_000


def request(id: str, text: str = "ab") -> Request:
    return Request(id, text, (Segment(text),), "slt", Sampling(), 0)


class Synthesis:
    """In place of the engine's: a letter of the text of each request a step, a second each. It does
    a step whenever `go` is set; a text with `!` breaks it, one with `?` is refused."""

    rate = 24_000

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.free = False
        self.saying: dict[str, deque[str]] = {}
        self.most = 0
        self.threads: set[int] = set()

    @property
    def idle(self) -> bool:
        return not self.saying

    def add(self, request: Request, options: Options) -> None:
        if "?" in request.text:
            raise UsageError("what?")
        assert request.id not in self.saying
        self.saying[request.id] = deque(request.text)
        self.most = max(self.most, len(self.saying))

    def cancel(self, id: str) -> list[Event]:
        return [End(id, "cancel")] if self.saying.pop(id, None) is not None else []

    def step(self) -> list[Event]:
        self.threads.add(threading.get_ident())
        if not self.free:
            self.go.acquire()
        events: list[Event] = []
        for id, letters in [*self.saying.items()]:
            if "!" in letters:
                raise RuntimeError("broken")
            if letters:
                letters.popleft()
                events.append(Sound(id, SECOND))
            else:
                del self.saying[id]
                events.append(End(id))
        return events


class Runner:
    """In place of serve.runner's: nothing is heard before the test says so."""

    def __init__(self, rows: int = 1) -> None:
        self.rows = rows
        self.tickets: list[Ticket] = []
        self.asked: list[Ticket] = []
        self.waiting = 0
        self.wait = 3
        self.full = False
        self.speaking = 0
        self.dead = None
        self.loaded = asyncio.Event()

    def ask(self, ticket: Ticket) -> None:
        ticket.since = 1.0
        self.tickets.append(ticket)
        self.asked.append(ticket)

    def cancel(self, ticket: Ticket) -> None:
        self.tickets.remove(ticket)

    def line(self, without: Ticket | None = None) -> int | None:
        return self.waiting if self.full else None

    def tell(self, kind: type, *about: Any) -> None:
        """Something about the oldest request."""
        ticket = self.tickets[0]
        if kind not in (Sound, Begin):
            self.tickets.remove(ticket)
        ticket.hear(kind(ticket.id, *about))


class Socket:
    """In place of starlette's WebSocket: gives these messages, then the client has gone."""

    def __init__(self, messages: list[str | bytes | None]) -> None:
        self.scope: dict[str, Any] = {}
        self.sent: list[str | bytes] = []
        self.closed: int | None = None
        self._messages = deque(messages)

    async def accept(self) -> None:
        pass

    async def receive(self) -> dict[str, Any]:
        """None: some time passes."""
        for _ in range(3):
            await asyncio.sleep(0)
        while self._messages and self._messages[0] is None:
            self._messages.popleft()
            for _ in range(10):
                await asyncio.sleep(0)
        if not self._messages:
            return {"type": "websocket.disconnect", "code": 1006}
        data = self._messages.popleft()
        kind = "text" if isinstance(data, str) else "bytes"
        return {"type": "websocket.receive", kind: data}

    async def send_text(self, text: str) -> None:
        await asyncio.sleep(0)
        self.sent.append(text)

    async def send_bytes(self, data: bytes) -> None:
        await asyncio.sleep(0)
        self.sent.append(data)

    async def close(self, code: int) -> None:
        self.closed = code


def speech() -> Speech:
    """The service of the starter voice, with such a runner."""
    made = Speech(SPEAKER, "starter", None, Limits(queue=2, max_text=100))
    made.runner = Runner()  # type: ignore[assignment]
    return made
