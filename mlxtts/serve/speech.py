"""The service of a model: what all its connections share, and the end of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import CollectorRegistry
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from mlxtts.engine import Speaker, Synthesis
from mlxtts.errors import MlxttsError
from mlxtts.nn import on_cuda
from mlxtts.serve import rest
from mlxtts.serve.access import Access
from mlxtts.serve.metrics import Metrics
from mlxtts.serve.plan import Plan, make
from mlxtts.serve.protocol import ProtocolError, Start
from mlxtts.serve.runner import Runner
from mlxtts.serve.session import Stream, refusal_of
from mlxtts.serve.ws import Connection
from mlxtts.text.lines import Utterance

WORD = "Yes."
FRAMES = 3


@dataclass(frozen=True)
class Limits:
    """max_streams: how many are spoken at a time; queue: how many may wait for that; max_text: how
    many characters one may have that have not been spoken."""

    max_streams: int = 8
    queue: int = 16
    max_text: int = 20_000
    max_connections: int = 1000


class Guest(Protocol):
    """A connection that hears a stream."""

    @property
    def state(self) -> str:
        """Of its stream, or `idle`."""

    def leave_when_done(self) -> None: ...

    def leave(self, problem: ProtocolError | None = None) -> None:
        """Break off now, because of this or because the server ends."""

    def abort(self) -> None:
        """Without a word."""


class Speech:
    """A part of a server (see serve.server.Part). `model` is what clients may call it; `log` takes
    a line for each stream."""

    def __init__(
        self,
        speaker: Speaker,
        model: str,
        voice: str | None,
        limits: Limits,
        preload: bool = True,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        speaker.header(voice, 0)  # raises VoiceError
        self.limits = limits
        self.log = log
        self.draining = False
        self._failure: asyncio.Future[BaseException]
        self.runner = Runner(self._load, limits.max_streams, self._died)
        self.connections: set[Guest] = set()
        self.metrics = self._metrics()
        self._speaker = speaker
        self.model = model
        self._voice = voice
        self._preload = preload
        self._gone = asyncio.Event()
        self._languages: dict[str, asyncio.Future[None]] = {}

    def _load(self) -> Synthesis:
        synthesis = self._speaker.synthesis(self.limits.max_streams)
        self._read(self._speaker.header(self._voice, 0).voice)
        if on_cuda():
            self._speak(synthesis)
        return synthesis

    def _read(self, voice: str) -> None:
        """A word in the language of a voice, since what reads it is loaded by that."""
        frontend = self._speaker.speaking(self._speaker.frontend.fresh(), voice)
        with contextlib.suppress(MlxttsError):  # whoever speaks with it is told
            frontend.parts(WORD)

    def _speak(self, synthesis: Synthesis) -> None:
        """A word that nobody hears, since what has never been computed is compiled first: of one
        whom another joins and leaves behind, if there may be two."""
        names = ("1", "2")[: self.limits.max_streams]
        with contextlib.suppress(MlxttsError):  # such as a language without its extra
            for name in names:
                synthesis.add(self._speaker.request(Utterance(name, WORD), self._voice))
                for _ in range(FRAMES):
                    synthesis.step()
            for name in names[:-1]:
                synthesis.cancel(name)
            for _ in synthesis.run():
                pass

    @property
    def registry(self) -> CollectorRegistry:
        return self.metrics.registry

    def routes(self, access: Access) -> list[BaseRoute]:
        private = access.middleware()
        sockets = [WebSocketRoute(path, self.connect, middleware=private) for path in ("/", "/ws")]
        return [*sockets, *rest.routes(self, access)]

    @property
    def health(self) -> str:
        """`ok`, or why not."""
        if self.runner.dead:
            return "dead"
        if self.draining:
            return "draining"
        return "ok" if self.runner.loaded.is_set() or not self._preload else "loading"

    async def start(self) -> None:
        """Returns when the model is there. Raises what loading it does."""
        self._failure = asyncio.get_running_loop().create_future()
        if self._preload:
            self.runner.start()
            loaded = asyncio.ensure_future(self.runner.loaded.wait())
            failing = asyncio.ensure_future(self.failed())
            await asyncio.wait([loaded, failing], return_when=asyncio.FIRST_COMPLETED)
            for waiting in (loaded, failing):
                waiting.cancel()
            if self._failure.done():
                raise self._failure.result()

    async def failed(self) -> BaseException:
        return await asyncio.shield(self._failure)

    async def drain(self) -> None:
        self.draining = True
        for connection in [*self.connections]:
            connection.leave_when_done()
        await self._all_gone()

    async def stop(self) -> None:
        try:
            for connection in [*self.connections]:
                connection.leave()
            await self._all_gone()
        finally:
            for connection in [*self.connections]:
                connection.abort()

    async def _all_gone(self) -> None:
        while self.connections:
            self._gone.clear()
            await self._gone.wait()

    def close(self) -> None:
        self.runner.close()

    async def connect(self, ws: WebSocket) -> None:
        """The endpoint."""
        connection = Connection(ws, self)
        with self.present(connection):
            await connection.run()

    @contextlib.contextmanager
    def present(self, guest: Guest) -> Iterator[None]:
        self.connections.add(guest)
        try:
            yield
        finally:
            self.connections.discard(guest)
            self._gone.set()

    @property
    def full(self) -> bool:
        """Whether there are more connections than there may be."""
        return len(self.connections) > self.limits.max_connections

    @property
    def voices(self) -> list[str]:
        return list(self._speaker.config.voices)

    @property
    def speeds(self) -> bool:
        """Whether the model itself speaks faster or slower."""
        return bool(self._speaker.config.speeds)

    def plan(self, start: Start) -> Plan:
        """Raises ProtocolError."""
        if start.text is not None and len(start.text) > self.limits.max_text:
            reason = f"more than {self.limits.max_text} characters"
            raise ProtocolError("too_long", reason)
        return make(self._speaker, start, self.model, self._voice)

    def stream(self, plan: Plan, old: Stream | None = None) -> Stream:
        """One in place of an `old` one. Raises ProtocolError if there is no place for it."""
        if self.draining:
            raise ProtocolError("draining", "this server is shutting down")
        given_up = old.ticket if old else None
        if refusal := refusal_of(self.runner, self.limits.queue, given_up):
            raise refusal
        limits, voice = self.limits, plan.request.voice
        frontend = self._speaker.speaking(self._speaker.frontend.fresh(), voice)
        stream = Stream(plan, self.runner, frontend, limits.queue, limits.max_text)
        if self._speaker.config.vocabulary is not None:
            self._hold(stream, voice)
        return stream

    def _hold(self, stream: Stream, voice: str) -> None:
        """Until its language has been loaded, which can take seconds."""
        accent = self._speaker.config.accent(voice)
        if accent not in self._languages:
            loop = asyncio.get_running_loop()
            self._languages[accent] = loop.run_in_executor(None, self._read, voice)
        if not self._languages[accent].done():
            stream.hold()
            self._languages[accent].add_done_callback(lambda _: stream.release())

    def status(self) -> dict[str, object]:
        return {
            "state": self.health,
            "model_path": self.model,
            "voices": self.voices,
            "speeds": self._speaker.config.speeds,
            "sample_rate": self._speaker.config.sample_rate,
            "rows": self.limits.max_streams,
            "rows_busy": self.runner.speaking,
            "waiting": self.runner.waiting,
            "queue": self.limits.queue,
            "connections": len(self.connections),
        }

    def _died(self, error: BaseException) -> None:
        for connection in [*self.connections]:
            connection.leave(ProtocolError("engine", "the model has failed"))
        self._failure.set_result(error)

    def _metrics(self) -> Metrics:
        streams = lambda state: sum(c.state == state for c in self.connections)  # noqa: E731
        return Metrics(
            {
                ("streams_running", "Streams that are spoken or sent."): lambda: streams(
                    "speaking"
                ),
                ("streams_waiting", "Streams that wait for a row."): lambda: streams("waiting"),
                ("rows", "Streams that can be spoken at a time."): lambda: self.runner.rows,
                ("rows_busy", "Rows in use."): lambda: self.runner.speaking,
                ("connections", "Connections, but those of the page and of metrics."): lambda: len(
                    self.connections
                ),
            }
        )
