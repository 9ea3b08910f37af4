"""The one thread that owns the model, and who may have a row of it.

MLX's arrays belong to the thread that made them: one thread loads the model and takes all its
steps. Requests go to it through a queue, and what comes of a step goes back to the event loop in
one call. Which request has a row next is decided on the loop's side: no more of them are handed
over than there are rows, so that one can be given up, or be overtaken, as long as it waits.

This module knows no client and no text. All but `_run` and what it calls belongs to the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from mlxtts.codecs.utterance import Options
from mlxtts.engine import Request, Sound, Synthesis
from mlxtts.errors import MlxttsError
from mlxtts.nn import mx
from mlxtts.wire.tokens import Begin, End

JOIN = 10.0  # seconds that the thread may take to end


@dataclass(frozen=True)
class Failed:
    """A request that the model could not take."""

    id: str
    error: Exception


Event = Begin | Sound | End | Failed
Command = Callable[[Synthesis], list[Event]]


@dataclass(eq=False)
class Ticket:
    """A request, how its sound is cut, and who hears what comes of it. `going_on`: the listener has
    heard something before, and must not wait longer than need be."""

    request: Request
    options: Options
    hear: Callable[[Event], None]
    going_on: bool = False
    since: float = field(default=0.0, init=False)

    @property
    def id(self) -> str:
        return self.request.id


class Runner:
    """`load` is called in the thread and makes what it owns, with so many `rows`. `died` is called
    if the thread ends by an exception; nothing is heard after that."""

    def __init__(
        self, load: Callable[[], Synthesis], rows: int, died: Callable[[BaseException], None]
    ) -> None:
        self.rows = rows
        self.loaded = asyncio.Event()
        self.dead: BaseException | None = None
        self._load = load
        self._died = died
        self._loop: asyncio.AbstractEventLoop | None = None
        self._commands: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._going_on: deque[Ticket] = deque()
        self._new: deque[Ticket] = deque()
        self._speaking: dict[str, Ticket] = {}
        self._usual = 1.0  # seconds that a row is held, of late

    def start(self) -> None:
        """Load the model, unless that has begun."""
        if not self._thread:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._run, name="model", daemon=True)
            self._thread.start()

    @property
    def speaking(self) -> int:
        """How many rows are in use."""
        return len(self._speaking)

    @property
    def waiting(self) -> int:
        """How many listeners have heard nothing yet, for want of a row."""
        return len(self._new)

    @property
    def wait(self) -> float:
        """About how many seconds another listener would have to wait."""
        return math.ceil(self._usual * (len(self._new) + 1) / self.rows)

    def line(self, without: Ticket | None = None) -> int | None:
        """How many of these another would have to wait with, None if there would be a row for it;
        `without` one that is given up for it."""
        asked = [*self._speaking.values(), *self._going_on, *self._new]  # who has a row, or is next
        asked = [ticket for ticket in asked if ticket is not without]
        if len(asked) < self.rows:
            return None
        return sum(not ticket.going_on for ticket in asked[self.rows :])

    def ask(self, ticket: Ticket) -> None:
        """Speak this as soon as there is a row; first come, first served, but those that go on
        before those that begin. Its id must not be in use."""
        self.start()
        (self._going_on if ticket.going_on else self._new).append(ticket)
        self._grant()

    def cancel(self, ticket: Ticket) -> None:
        """Give it up: nothing more of it is heard."""
        if self._speaking.pop(ticket.id, None):
            self._commands.put(lambda synthesis: [*synthesis.cancel(ticket.id)])
        for line in (self._going_on, self._new):
            with contextlib.suppress(ValueError):
                line.remove(ticket)
        self._grant()

    def close(self) -> None:
        """End the thread after the step that it is at."""
        self._commands.put(None)
        if self._thread:
            self._thread.join(JOIN)

    def _grant(self) -> None:
        while len(self._speaking) < self.rows and (line := self._going_on or self._new):
            ticket = line.popleft()
            ticket.since = time.monotonic()
            self._speaking[ticket.id] = ticket
            self._commands.put(lambda synthesis, ticket=ticket: _add(synthesis, ticket))  # type: ignore[misc]

    def _deliver(self, events: list[Event]) -> None:
        for event in events:
            if not (ticket := self._speaking.get(event.id)):
                continue  # it has been given up
            if isinstance(event, End | Failed):
                del self._speaking[event.id]
                self._usual += 0.1 * (time.monotonic() - ticket.since - self._usual)
            ticket.hear(event)
        self._grant()

    def _die(self, error: BaseException) -> None:
        self.dead = error
        self._speaking.clear()
        self._died(error)

    def _run(self) -> None:
        try:
            synthesis = self._load()
            self._tell(self.loaded.set)
            while (commands := self._take(wait=synthesis.idle)) is not None:
                events = [event for command in commands for event in command(synthesis)]
                events += synthesis.step()
                if events:
                    self._tell(self._deliver, events)
        except BaseException as error:
            self._tell(self._die, error)
        finally:
            mx.clear_streams()  # or the process aborts at its end, now and then

    def _take(self, *, wait: bool) -> list[Command] | None:
        """The commands that are there; None to end."""
        commands: list[Command] = []
        with contextlib.suppress(queue.Empty):
            while True:
                command = self._commands.get(block=wait and not commands)
                if command is None:
                    return None
                commands.append(command)
        return commands

    def _tell(self, what: Callable[..., None], *about: object) -> None:
        assert self._loop
        with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
            self._loop.call_soon_threadsafe(what, *about)


def _add(synthesis: Synthesis, ticket: Ticket) -> list[Event]:
    try:
        synthesis.add(ticket.request, ticket.options)
    except MlxttsError as error:
        return [Failed(ticket.id, error)]
    return []
