"""A pipe served to many: the part (app.Part) of a server that has a broadcast and no model.

A WebSocket gets the frames as mlxtts-ws(7) says, whoever asks for /stream.wav or /stream.mp3 a file
that grows.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from mlxtts.audio.live import TYPES, Live
from mlxtts.errors import AudioError
from mlxtts.serve import protocol
from mlxtts.serve.access import Access
from mlxtts.serve.broadcast import BehindError, Broadcast, Listener, Pace, feed
from mlxtts.serve.protocol import ProtocolError, Status
from mlxtts.serve.transport import GROWING, abort, begin_file, gone, while_there
from mlxtts.wire import pcm0
from mlxtts.wire.pcm0 import Frame

REST = 10.0
"""Seconds that listeners have to take what is left when the pipe has ended."""
LEAVE = 5.0
"""Seconds that one who is dropped has to hear why."""
DONE, POLICY, FAILED, AGAIN = 1000, 1008, 1011, 1013


class Station:
    """`frames` are read by a thread of its own. `paced`: at real time; `wait`: not before there is
    a listener; `log` takes a line for each listener."""

    def __init__(
        self,
        frames: Iterable[Frame],
        paced: bool = True,
        wait: bool = False,
        max_listeners: int = 1000,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.id = secrets.token_hex(8)
        self.log = log
        self.broadcast: Broadcast
        self.registry = CollectorRegistry()
        self._frames = frames
        self._pace = Pace() if paced else None
        self._wait = wait
        self._max_listeners = max_listeners

    @property
    def health(self) -> str:
        return "draining" if self.broadcast.ended else "ok"

    @property
    def full(self) -> bool:
        return self.broadcast.listeners >= self._max_listeners

    def routes(self, access: Access) -> Sequence[BaseRoute]:
        private = access.middleware()
        sockets = [WebSocketRoute(path, self._connect, middleware=private) for path in ("/", "/ws")]
        files = [
            Route(f"/stream.{format}", self._file(format), middleware=private) for format in TYPES
        ]
        return [*sockets, *files]

    async def start(self) -> None:
        self.broadcast = Broadcast()
        self.registry.register(self)
        arguments = (self.broadcast, self._frames, asyncio.get_running_loop())
        more = {"pace": self._pace, "wait": self._wait}
        threading.Thread(target=feed, args=arguments, kwargs=more, daemon=True).start()

    async def failed(self) -> BaseException | None:
        """Returns when the pipe has ended, and what it ended by, if not well."""
        await self.broadcast.over()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.broadcast.drained(), REST)
        return self.broadcast.error

    async def drain(self) -> None:
        self.broadcast.end()
        await self.broadcast.drained()

    async def stop(self) -> None:
        self.broadcast.end()

    def close(self) -> None:
        pass

    def collect(self) -> list[Metric]:
        """For the registry."""
        cast = self.broadcast
        metrics: list[Metric] = [GaugeMetricFamily("mlxtts_listeners", "Now.", cast.listeners)]
        for name, about, value in (
            ("listeners_dropped", "Who were too slow.", cast.dropped),
            ("frames", "That came through the pipe.", cast.sent),
            ("sound_seconds", "In these frames.", cast.seconds),
        ):
            metrics.append(CounterMetricFamily(f"mlxtts_{name}", about, value))
        return metrics

    def status(self) -> dict[str, Any]:
        rate, channels = self.broadcast.form or (None, None)
        return {
            "state": self.health,
            "broadcast": True,
            "sample_rate": rate,
            "channels": channels,
            "listeners": self.broadcast.listeners,
            "seconds": round(self.broadcast.seconds, 6),
        }

    def place(self, session: str | None, frame: str | None) -> int | None:
        """The number of the frame that one who comes back wants, if it is of this broadcast."""
        if session != self.id or not re.fullmatch(r"\d{1,18}", frame or ""):
            return None
        return int(frame or "")

    async def _connect(self, ws: WebSocket) -> None:
        if self.full or self.broadcast.ended:
            reason = "the broadcast is over" if self.broadcast.ended else "too many listeners"
            await ws.send_denial_response(PlainTextResponse(f"{reason}\n", 503))
            return
        await ws.accept()
        await Audience(self, ws).run()

    def _file(self, format: str) -> Callable[[Request], Awaitable[Download]]:
        async def answer(request: Request) -> Any:
            if request.method == "HEAD":  # to look is not to listen
                return Response(headers=GROWING | {"content-type": TYPES[format]})
            if self.full or self.broadcast.ended:
                return PlainTextResponse("not now\n", 503)
            return Download(self, format)

        return answer


class Audience:
    """A listener on a WebSocket."""

    def __init__(self, station: Station, ws: WebSocket) -> None:
        self._station = station
        self._ws = ws
        self._seconds = 0.0
        self._samples = 0

    async def run(self) -> None:
        listener = self._listen()
        hearing = asyncio.ensure_future(self._hear(listener))
        talking = asyncio.ensure_future(self._talk())
        await asyncio.wait({hearing, talking}, return_when=asyncio.FIRST_COMPLETED)
        for task in (hearing, talking):
            task.cancel()
        await asyncio.gather(hearing, talking, return_exceptions=True)
        listener.leave()

    def _listen(self) -> Listener:
        query = self._ws.query_params
        place = self._station.place(query.get("session"), query.get("frame"))
        return self._station.broadcast.listen(place)

    async def _hear(self, listener: Listener) -> None:
        station = self._station
        about = {"broadcast": True, "session_id": station.id, "frame": listener.at}
        await self._ws.send_text(protocol.encode("stream_started", **about))
        try:
            await listener.deliver(self._sound)
        except BehindError as error:
            station.log(f"a listener was dropped: {error}")
            await self._drop(ProtocolError("behind", f"dropped: {error}"), POLICY)
        else:
            await self._end()

    async def _sound(self, frame: Frame) -> None:
        self._samples += frame.num_samples
        self._seconds += frame.num_samples / frame.rate
        await self._ws.send_bytes(pcm0.encode(frame))

    async def _end(self) -> None:
        if error := self._station.broadcast.error:
            await self._drop(ProtocolError("broken", f"the pipe broke: {error}"), FAILED)
            return
        stats = {"samples": self._samples, "seconds": round(self._seconds, 6)}
        message = protocol.encode("stream_complete", session_id=self._station.id, **stats)
        await self._ws.send_text(message)
        await self._ws.close(DONE)

    async def _drop(self, problem: ProtocolError, code: int) -> None:
        try:
            await asyncio.wait_for(self._say_goodbye(problem, code), LEAVE)
        except asyncio.TimeoutError:
            abort(self._ws)

    async def _say_goodbye(self, problem: ProtocolError, code: int) -> None:
        await self._ws.send_text(protocol.error(problem))
        await self._ws.close(code, str(problem))

    async def _talk(self) -> None:
        """What a listener may say is little."""
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                message = await self._ws.receive()
                if message["type"] == "websocket.disconnect":
                    return
                await self._ws.send_text(self._answer(message.get("text") or b""))

    def _answer(self, data: str | bytes) -> str:
        try:
            if isinstance(protocol.parse(data), Status):
                return protocol.encode("status", **self._station.status())
            raise ProtocolError("broadcast", "this server only sends what comes through its pipe")
        except ProtocolError as problem:
            return protocol.error(problem)


class Download:
    """A response that is a growing file; an ASGI application, so that one who hangs can be dropped
    while something is sent."""

    def __init__(self, station: Station, format: str) -> None:
        self._station = station
        self._format = format
        self._live = Live(format)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        listener = self._station.broadcast.listen()
        try:
            await while_there(self._hear(listener, scope, receive, send), receive)
        finally:
            listener.leave()

    async def _hear(self, listener: Listener, scope: Scope, receive: Receive, send: Send) -> None:
        await begin_file(send, TYPES[self._format])

        async def sound(frame: Frame) -> None:
            if data := self._live.push(frame):
                await send({"type": "http.response.body", "body": data, "more_body": True})

        try:
            await listener.deliver(sound)
        except (BehindError, AudioError) as error:
            self._station.log(f"a listener to /stream.{self._format} was dropped: {error}")
            abort(HTTPConnection(scope))
            await gone(receive)
        else:
            await send({"type": "http.response.body", "body": self._live.close()})
