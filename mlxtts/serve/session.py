"""One stream: text in, as a whole or in pieces, and its sound out, sentence by sentence.

Each piece of text that the model speaks in one go is a request of its own. The next is handed over
while the sound of the last is still being sent, but not before the client has taken nearly all of
it: one that reads slowly has no row meanwhile. What is drawn depends on the seed and on the number
of the piece alone, so that the same start gives the same sound whatever else is going on.

This module knows no socket. What becomes of the stream it tells its listener.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from mlxtts.engine import Sound
from mlxtts.errors import MlxttsError, TextError
from mlxtts.serve.plan import Plan
from mlxtts.serve.protocol import ProtocolError
from mlxtts.serve.runner import Event, Failed, Runner, Ticket
from mlxtts.text.frontend import Frontend, Segment
from mlxtts.text.sentences import Incoming
from mlxtts.wire.tokens import MAX_PAUSE, End

AHEAD = 2.0  # seconds of sound unsent with which the next piece is not begun
WIDTH = 4  # bytes a sample


class Listener(Protocol):
    def sound(self, stream: Stream, samples: bytes) -> None:
        """The next of it; `Stream.sent` says when it has gone."""

    def complete(self, stream: Stream) -> None:
        """That was all."""

    def failed(self, stream: Stream, problem: ProtocolError) -> None:
        """There will be no more of it."""


class Stream:
    """`queue`: how many streams may wait for their first row; `max_text`: how many characters that
    have not been spoken it may have."""

    def __init__(
        self, plan: Plan, runner: Runner, frontend: Frontend, queue: int, max_text: int
    ) -> None:
        self.id = secrets.token_hex(8)
        self.plan = plan
        self.first_sound: float | None = None
        self.samples = 0
        self._runner = runner
        self._frontend = frontend
        self._queue = queue
        self._max_text = max_text
        self._began = time.monotonic()
        self._incoming = Incoming(frontend.language)
        self._sentences: deque[str] = deque()
        self._pieces: deque[Segment] = deque()
        self._pause = 0.0  # at the end of what came before
        self._whole = False  # no more text comes
        self._number = 0
        self._ticket: Ticket | None = None
        self._unsent = 0
        self._chunks = 0
        self._truncated = False
        self._left_out: set[str] = set()
        self._over = False
        self._held = False
        self.listener: Listener

    def hold(self) -> None:
        """Look at no text yet: its language is still to be loaded."""
        self._held = True

    def release(self) -> None:
        self._held = False
        self._go_on()

    def say(self, text: str) -> None:
        """All of its text."""
        self._whole = True
        with self._failing():
            self._sentences.extend([*self._incoming.feed(text), *self._incoming.close()])
        self._go_on()

    def feed(self, text: str) -> None:
        """A further piece of its text. Raises ProtocolError."""
        if self._whole:
            raise ProtocolError("state", "the text of this stream has ended")
        if problem := self._too_long(text):
            self.fail(problem)
            return
        with self._failing():
            self._sentences.extend(self._incoming.feed(text))
        self._go_on()

    def close(self) -> None:
        """Its text has ended. Raises ProtocolError."""
        if self._whole:
            raise ProtocolError("state", "the text of this stream has ended already")
        self._whole = True
        with self._failing():
            self._sentences.extend(self._incoming.close())
        self._go_on()

    def cancel(self) -> None:
        """Nobody listens any more."""
        self._over = True
        if self._ticket:
            self._runner.cancel(self._ticket)
            self._ticket = None

    def fail(self, problem: ProtocolError) -> None:
        self.cancel()
        self.listener.failed(self, problem)

    def sent(self, samples: int) -> None:
        """So much of the sound has gone to the client."""
        self._unsent -= samples
        self._go_on()

    @property
    def ticket(self) -> Ticket | None:
        """What has a row, or waits for one."""
        return self._ticket

    @property
    def unspoken(self) -> int:
        """Characters of text that wait to be spoken."""
        waiting = sum(map(len, [*self._sentences, *(piece.text for piece in self._pieces)]))
        return waiting + self._incoming.rest

    @property
    def state(self) -> str:
        """`waiting` for a row or its language, `speaking`, or `open`: waiting for text."""
        if self._held or (self._ticket and not self._ticket.since):
            return "waiting"
        return "speaking" if self._ticket or self._unsent else "open"

    def stats(self) -> dict[str, Any]:
        self._left_out |= {*self._frontend.new_tags()}
        return {
            "chunks": self._chunks,
            "samples": self.samples,
            "seconds": round(self.samples / self.plan.rate, 6),
            "time_to_first_audio": self.first_sound and round(self.first_sound, 4),
            "truncated": self._truncated,
            "left_out": sorted(self._left_out),
        }

    def _too_long(self, text: str) -> ProtocolError | None:
        if self.unspoken + len(text) <= self._max_text:
            return None
        reason = f"more than {self._max_text} characters wait to be spoken"
        return ProtocolError("too_long", reason)

    def _go_on(self) -> None:
        """Ask for what is to be spoken next, if it is time for it."""
        if self._over or self._held or self._ticket or self._unsent > AHEAD * self.plan.rate:
            return
        if piece := self._next():
            self._ask(piece)
        elif self._over:
            return
        elif self._whole and not self._number:
            self.fail(ProtocolError("text", "nothing to speak"))
        elif self._whole:
            self._over = True
            self.listener.complete(self)

    def _next(self) -> Segment | None:
        while not self._pieces and self._sentences and not self._over:
            with self._failing():
                self._divide(self._sentences.popleft())
        return self._pieces.popleft() if self._pieces else None

    def _divide(self, sentence: str) -> None:
        pieces, pause = self._frontend.parts(sentence)
        if pieces:
            first = replace(pieces[0], pause=min(pieces[0].pause + self._pause, MAX_PAUSE))
            self._pieces.extend([first, *pieces[1:]])
            self._pause = 0.0
        self._pause += pause

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """What is wrong with the text, or a language that is not installed, ends the stream."""
        try:
            yield
        except MlxttsError as error:
            code = "text" if isinstance(error, TextError) else "voice"
            self.fail(ProtocolError(code, str(error)))

    def _ask(self, piece: Segment) -> None:
        runner, going_on = self._runner, bool(self._number)
        if not going_on and (refusal := refusal_of(runner, self._queue)):
            self.fail(refusal)
            return
        request = replace(
            self.plan.request,
            id=f"{self.id}.{self._number}",
            name=str(self._number),
            text=piece.text,
            segments=(piece,),
            pause=self.plan.pause if going_on and not piece.pause else 0.0,
        )
        self._number += 1
        self._ticket = Ticket(request, self.plan.options, self._hear, going_on)
        runner.ask(self._ticket)

    def _hear(self, event: Event) -> None:
        if isinstance(event, Sound):
            self._sound(event.data)
        elif isinstance(event, End):
            self._ticket = None
            self._truncated |= event.reason == "length"
            self._go_on()
        elif isinstance(event, Failed):
            self._ticket = None
            self.fail(ProtocolError("option", str(event.error)))

    def _sound(self, data: bytes) -> None:
        if self.first_sound is None:
            self.first_sound = time.monotonic() - self._began
        if self.plan.crossfade:
            samples = np.frombuffer(data, "<f4")[:, None]
            data = self.plan.crossfade.push(samples).tobytes()
        self._chunks += 1
        self.samples += len(data) // WIDTH
        self._unsent += len(data) // WIDTH
        self.listener.sound(self, data)


def refusal_of(runner: Runner, queue: int, without: Ticket | None = None) -> ProtocolError | None:
    """Why another stream cannot begin now, if it cannot; `without` what is given up for it."""
    line = runner.line(without)
    if line is None or line < queue:
        return None
    return ProtocolError("busy", "all rows are in use", retry_after=runner.wait)
