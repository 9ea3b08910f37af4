"""One WebSocket connection: messages to streams, and streams to messages.

Reading never waits for writing, so that a client that vanishes is seen at once even if it does not
read. What is to be written lies in an outbox, which one task empties as fast as the client reads;
the streams see to it that there is never much sound in it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from mlxtts.serve import protocol
from mlxtts.serve.protocol import End, Message, ProtocolError, Start, Status, Stop, Text
from mlxtts.serve.session import WIDTH, Stream
from mlxtts.serve.transport import abort
from mlxtts.wire import pcm0

if TYPE_CHECKING:
    from mlxtts.serve.speech import Speech

UNREAD = 100
"""Messages, sound apart, that a client may leave unread."""
GOING_AWAY, POLICY, FAILED = 1001, 1008, 1011


@dataclass(frozen=True)
class Item:
    """A message on its way out: text or binary. `stream`: whose sound or end it is; `samples`: how
    much sound; `last`: with it the stream is over."""

    data: str | bytes
    stream: Stream | None = None
    samples: int = 0
    last: bool = False


class Connection:
    """A listener to its streams, one after another."""

    def __init__(self, ws: WebSocket, speech: Speech) -> None:
        self._ws = ws
        self._speech = speech
        self._metrics = speech.metrics
        self._stream: Stream | None = None
        self._outbox: deque[Item] = deque()
        self._wake = asyncio.Event()
        self._leaving: int | None = None
        self._chunk = 0

    @property
    def state(self) -> str:
        """Of its stream."""
        return self._stream.state if self._stream else "idle"

    async def run(self) -> None:
        speech = self._speech
        if speech.draining or speech.full:
            reason = "shutting down\n" if speech.draining else "too many connections\n"
            await self._ws.send_denial_response(PlainTextResponse(reason, 503))
            return
        await self._ws.accept()
        both = [asyncio.create_task(work) for work in (self._read(), self._write())]
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._drop_stream()
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
        for task in done:
            with contextlib.suppress(WebSocketDisconnect):
                task.result()

    async def _read(self) -> None:
        while (message := await self._ws.receive())["type"] != "websocket.disconnect":
            data = message.get("text")
            self.take(message.get("bytes", b"") if data is None else data)
            await asyncio.sleep(0)  # many may have come at once, and be answered

    def take(self, data: str | bytes) -> None:
        """A message of the client's. Whatever it is, this raises nothing."""
        if self._leaving:
            return
        try:
            self._obey(protocol.parse(data))
        except ProtocolError as problem:
            self._complain(problem)
        if self._speech.draining:
            self.leave_when_done()

    def _obey(self, message: Message) -> None:
        match message:
            case Start():
                self._start(message)
            case Text(text):
                self._running().feed(text)
            case End():
                self._running().close()
            case Stop():
                self._stop("stop_stream")
            case Status():
                self._say(protocol.encode("status", **self._speech.status(), stream=self._about()))

    def _start(self, start: Start) -> None:
        plan = self._speech.plan(start)
        stream = self._speech.stream(plan, self._stream)
        if self._stream:
            self._stop("replaced")
        self._stream, stream.listener, self._chunk = stream, self, 0
        self._metrics.started.inc()
        self._speech.log(f"{stream.id}: started")
        self._say(protocol.encode("stream_started", session_id=stream.id, **plan.effective))
        if start.text is not None:
            stream.say(start.text)

    def _running(self) -> Stream:
        if not self._stream:
            raise ProtocolError("state", "no stream has been started")
        return self._stream

    def _stop(self, reason: str) -> None:
        """The stream is over, and what has not been sent of it stays here."""
        stream = self._running()
        self._drop_stream()
        self._say(
            protocol.encode("stream_stopped", session_id=stream.id, reason=reason, **stream.stats())
        )

    def _drop_stream(self) -> None:
        if stream := self._stream:
            self._stream = None
            stream.cancel()
            self._metrics.cancelled.inc()
            self._speech.log(f"{stream.id}: cancelled")
            self._outbox = deque(item for item in self._outbox if item.stream is not stream)

    def _about(self) -> dict[str, Any] | None:
        if not (stream := self._stream):
            return None
        about = {"session_id": stream.id, "state": stream.state, "unspoken": stream.unspoken}
        return about | stream.stats()

    def sound(self, stream: Stream, samples: bytes) -> None:
        rate = stream.plan.rate
        if self._chunk == 0 and stream.first_sound is not None:
            self._metrics.first_sound.observe(stream.first_sound)
        self._metrics.sound.inc(len(samples) / WIDTH / rate)
        data: str | bytes
        if stream.plan.base64:
            data = protocol.audio_chunk(stream.id, self._chunk, rate, samples)
        else:
            data = pcm0.encode(pcm0.Frame(rate, samples))
        self._chunk += 1
        self._put(Item(data, stream, len(samples) // WIDTH))

    def complete(self, stream: Stream) -> None:
        if not stream.plan.base64:
            self._put(Item(pcm0.encode_end(stream.plan.rate), stream))
        message = protocol.encode("stream_complete", session_id=stream.id, **stream.stats())
        self._put(Item(message, stream, last=True))

    def failed(self, stream: Stream, problem: ProtocolError) -> None:
        self._drop_stream()
        problem.more = {"session_id": stream.id, **problem.more}
        self._complain(problem)

    def leave_when_done(self) -> None:
        """Close the connection as soon as no stream runs."""
        if not self._stream:
            self.leave()

    def leave(self, problem: ProtocolError | None = None) -> None:
        """Close it now, because of this, or because the server is told to."""
        if self._leaving:
            return
        if problem and self._stream:
            self.failed(self._stream, problem)
        elif problem:
            self._complain(problem)
        elif self._stream:
            self._stop("shutdown")
        self._leaving = FAILED if problem else GOING_AWAY
        self._wake.set()

    def abort(self) -> None:
        """Close it without a word."""
        abort(self._ws)

    def _complain(self, problem: ProtocolError) -> None:
        self._metrics.errors.labels(problem.code).inc()
        self._say(protocol.error(problem))

    def _say(self, text: str) -> None:
        if sum(not item.samples for item in self._outbox) >= UNREAD:
            self._leaving = POLICY
            self.abort()
            return
        self._put(Item(text))

    def _put(self, item: Item) -> None:
        self._outbox.append(item)
        self._wake.set()

    async def _write(self) -> None:
        while True:
            while self._outbox:
                item = self._outbox.popleft()
                if item.last:
                    self._finish()
                await self._send(item.data)
                if item.stream and item.samples:
                    item.stream.sent(item.samples)
            if self._leaving:
                await self._ws.close(self._leaving)
                return
            self._wake.clear()
            await self._wake.wait()

    async def _send(self, data: str | bytes) -> None:
        if isinstance(data, str):
            await self._ws.send_text(data)
        else:
            await self._ws.send_bytes(data)

    def _finish(self) -> None:
        """Nothing can be said of the stream any more but that it is complete."""
        assert self._stream
        self._speech.log(f"{self._stream.id}: complete")
        self._stream = None
        self._metrics.completed.inc()
        if self._speech.draining:
            self.leave()
