"""uvicorn's protocols, with limits for clients that do not go on.

A connection that asks for nothing, a WebSocket whose client does not answer, and one that is to be
closed though its client does not read would all stay for good.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import Receive, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

PATIENCE = 20.0
"""Seconds for a request to come, and for a client to take leave."""
ABORT = "mlxtts.abort"
"""Where a connection's state has the way to end it."""


class Http(H11Protocol):
    """Gives a connection up on which no request comes, or no further one that is whole."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.app_state = {**self.app_state, ABORT: transport.abort}
        super().connection_made(transport)
        self._waiting = self.loop.call_later(PATIENCE, self._give_up)

    def handle_websocket_upgrade(self, event: Any) -> None:
        self._waiting.cancel()
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        self._waiting.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self._waiting.cancel()
        self._waiting = self.loop.call_later(PATIENCE, self._give_up)
        super().on_response_complete()

    def _give_up(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()


class WebSockets(WebSocketsSansIOProtocol):
    """Aborts where uvicorn would wait for its last bytes to be read."""

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()

    def eof_received(self) -> None:
        self.transport.abort()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.close":
            self.loop.call_later(PATIENCE, self.transport.abort)


GROWING = {"cache-control": "no-store"}
"""Headers of a file that grows while it is sent."""


async def begin_file(send: Send, media_type: str) -> None:
    """The head of a response that is a growing file."""
    headers = GROWING | {"content-type": media_type}
    coded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": coded})


async def while_there(work: Coroutine[Any, Any, object], receive: Receive) -> None:
    """Do this until it is done, or the client has gone. Raises what it raises."""
    doing, leaving = asyncio.ensure_future(work), asyncio.ensure_future(gone(receive))
    try:
        await asyncio.wait({doing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            doing.result()
    finally:
        doing.cancel()
        leaving.cancel()
        await asyncio.gather(doing, leaving, return_exceptions=True)


async def gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def abort(connection: HTTPConnection) -> None:
    """Break it off, without a word. On a server without these protocols this does nothing."""
    if found := connection.scope.get("state", {}).get(ABORT):
        found()
