"""Speech over HTTP, as clients of OpenAI's API expect it: mlxtts-http(7).

A POST of a text is answered by a sound file that grows while it is spoken. How fast it is read says
how fast it is made, as with a WebSocket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from mlxtts.audio.filters import Filtering
from mlxtts.audio.live import Live
from mlxtts.audio.tempo import Tempo
from mlxtts.serve import protocol
from mlxtts.serve.access import Access
from mlxtts.serve.plan import SAMPLING
from mlxtts.serve.protocol import ProtocolError, Start
from mlxtts.serve.session import WIDTH, Stream
from mlxtts.serve.transport import PATIENCE, abort, begin_file, while_there
from mlxtts.wire.pcm0 import Frame

if TYPE_CHECKING:
    from mlxtts.serve.speech import Speech

FORMATS = {
    "mp3": ("mp3", "audio/mpeg"),
    "opus": ("opus", "audio/ogg"),
    "flac": ("flac", "audio/flac"),
    "wav": ("wav", "audio/wav"),
    "pcm": ("raw", "audio/pcm"),
}
"""By the API's names: ours, and the media type."""
MORE = (*SAMPLING, "max_tokens", "seed", "crossfade_ms")
"""What may be said beside the API's keys, as in a start message of mlxtts-ws(7)."""
STATUS = {
    **{"model": 404, "path": 404, "too_long": 413, "type": 415},
    **{"engine": 500, "busy": 503, "draining": 503},
}
"""Of errors that are not 400."""
PARAMS = {"voice": "voice", "model": "model", "text": "input", "too_long": "input"}
"""What an error is about, if it does not say so."""
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
STALLED = 300.0
"""Seconds that a client may read nothing."""


@dataclass(frozen=True)
class Order:
    """What is to be spoken, and as what it is sent: a key of FORMATS."""

    start: Start
    format: str


def parse(data: bytes) -> Order:
    """The body of a POST. Keys that are not known mean nothing. Raises ProtocolError."""
    try:
        message = protocol.keys(data.decode())
    except UnicodeDecodeError:
        raise ProtocolError("json", "not UTF-8") from None
    format = message.get("response_format", "mp3")
    if not isinstance(format, str) or format not in FORMATS:
        raise protocol.wrong("response_format", f"must be {', '.join(FORMATS)}")
    if message.get("stream_format", "audio") != "audio":
        raise protocol.wrong("stream_format", "must be audio")
    if message.get("instructions"):
        raise protocol.wrong("instructions", "no model here follows them")
    if isinstance(voice := message.get("voice"), dict):
        message["voice"] = voice.get("id")
    known = {name: message[name] for name in ("voice", "speed", *MORE) if name in message}
    start = replace(protocol.start(known), text=protocol.string(message, "input"))
    if "model" in message:
        start = replace(start, model_path=protocol.string(message, "model"))
    return Order(start, format)


def routes(speech: Speech, access: Access) -> Sequence[BaseRoute]:
    async def speak(request: Request) -> ASGIApp:
        try:
            return Answer(speech, parse(await _body(request, 12 * speech.limits.max_text + 4096)))
        except ProtocolError as problem:
            speech.metrics.errors.labels(problem.code).inc()
            return refusal(problem)

    model = {"id": speech.model, "object": "model", "created": 0, "owned_by": "mlxtts"}

    async def models(_: Request) -> Response:
        return JSONResponse({"object": "list", "data": [model]})

    async def one(request: Request) -> Response:
        if request.path_params["name"] == speech.model:
            return JSONResponse(model)
        return refusal(ProtocolError("model", f"this server speaks with {speech.model}"))

    async def nothing(request: Request) -> Response:
        what = f"{request.method} {request.url.path}: there is no such thing here"
        return refusal(ProtocolError("path", what))

    async def voices(_: Request) -> Response:
        return JSONResponse({"voices": [{"id": name, "name": name} for name in speech.voices]})

    pages = Middleware(
        CORSMiddleware,
        allow_origins=[origin.rstrip("/") for origin in access.origins],
        allow_methods=["GET", "POST"],
        allow_headers=["*"],  # whose pages may ask is what guards
        expose_headers=["retry-after"],
    )
    return [
        Mount(
            "/v1",
            routes=[
                Route("/audio/speech", speak, methods=["POST"]),
                Route("/audio/voices", voices),
                Route("/models", models),
                Route("/models/{name:path}", one),
                Route("/{path:path}", nothing, methods=METHODS),
            ],
            middleware=[pages, *access.middleware(_error)],
        )
    ]


async def _body(request: Request, most: int) -> bytes:
    """Raises ProtocolError for one that is too long, does not come to its end in time or is not
    JSON by its type, since that is what a page of anybody's cannot send unasked."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ProtocolError("type", "the content type must be application/json")

    async def read() -> bytes:
        data = bytearray()
        async for part in request.stream():
            data += part
            if len(data) > most:
                raise ProtocolError("too_long", f"more than {most} bytes")
        return bytes(data)

    try:
        return await asyncio.wait_for(read(), PATIENCE)
    except (asyncio.TimeoutError, ClientDisconnect):
        raise ProtocolError("json", "the request did not come to its end") from None


def refusal(problem: ProtocolError) -> Response:
    """As the API says what is wrong."""
    wait = problem.more.get("retry_after")
    return _error(
        str(problem),
        STATUS.get(problem.code, 400),
        {"retry-after": str(wait)} if wait else None,
        problem.code,
        problem.more.get("option") or PARAMS.get(problem.code),
    )


def _error(
    reason: str,
    status: int,
    headers: dict[str, str] | None = None,
    code: str = "access",
    param: str | None = None,
) -> Response:
    kind = "invalid_request_error" if status < 500 else "server_error"
    about = {"message": reason.strip(), "type": kind, "code": code, "param": param}
    return JSONResponse({"error": about}, status, headers)


class Answer:
    """A response that grows, and the listener to its stream; an ASGI application, so that one who
    goes away is seen while something is made or sent."""

    def __init__(self, speech: Speech, order: Order) -> None:
        """Raises ProtocolError if it cannot be spoken, or not now."""
        tempo, start = 1.0, order.start
        if start.speed is not None and not speech.speeds:
            tempo, start = start.speed, replace(start, speed=None)
        self._speech = speech
        self._text = start.text or ""
        self._format, self._type = FORMATS[order.format]
        self._filtering = Filtering(Tempo(tempo))
        self._outbox: asyncio.Queue[Frame | ProtocolError] = asyncio.Queue()
        self._stream = speech.stream(speech.plan(start))
        self._stream.listener = self
        self._abort: Callable[[], None] = lambda: None

    @property
    def state(self) -> str:
        """Of its stream."""
        return self._stream.state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._abort = lambda: abort(HTTPConnection(scope))
        with self._speech.present(self):
            if self._speech.full:
                await refusal(ProtocolError("busy", "too many connections"))(scope, receive, send)
                return
            try:
                await while_there(self._speak(scope, receive, send), receive)
            finally:
                self._stream.cancel()

    async def _speak(self, scope: Scope, receive: Receive, send: Send) -> None:
        metrics, name = self._speech.metrics, self._stream.id
        metrics.started.inc()
        self._speech.log(f"{name}: started")
        outcome = metrics.cancelled
        try:
            self._stream.say(self._text)
            first = await self._outbox.get()
            if isinstance(first, ProtocolError):
                await refusal(first)(scope, receive, send)
            elif await self._send(first, send):
                outcome = metrics.completed
        finally:
            outcome.inc()
            self._speech.log(
                f"{name}: {'complete' if outcome is metrics.completed else 'cancelled'}"
            )

    async def _send(self, frame: Frame, send: Send) -> bool:
        """The sound from this frame on. False if it broke off."""
        live = Live(self._format)
        await begin_file(send, self._type)
        while True:
            data = b"".join(map(live.push, self._filtering.feed(frame)))
            if frame.is_end:
                await self._write(send, data + live.close(), more=False)
                return True
            if data:
                await self._write(send, data)
            self._stream.sent(frame.num_samples)
            following = await self._outbox.get()
            if isinstance(following, ProtocolError):  # a file that ends here would seem whole
                self._abort()
                return False
            frame = following

    async def _write(self, send: Send, data: bytes, more: bool = True) -> None:
        message = {"type": "http.response.body", "body": data, "more_body": more}
        try:
            await asyncio.wait_for(send(message), STALLED)
        except asyncio.TimeoutError:
            self._abort()

    def sound(self, stream: Stream, samples: bytes) -> None:
        if stream.samples * WIDTH == len(samples) and stream.first_sound is not None:
            self._speech.metrics.first_sound.observe(stream.first_sound)
        self._speech.metrics.sound.inc(len(samples) / WIDTH / stream.plan.rate)
        self._outbox.put_nowait(Frame(stream.plan.rate, samples))

    def complete(self, stream: Stream) -> None:
        self._outbox.put_nowait(Frame(stream.plan.rate, b""))

    def failed(self, stream: Stream, problem: ProtocolError) -> None:
        self._speech.metrics.errors.labels(problem.code).inc()
        self._outbox.put_nowait(problem)

    def leave_when_done(self) -> None:
        """It does."""

    def leave(self, problem: ProtocolError | None = None) -> None:
        """Break off, because of this, or because the server is told to."""
        self._stream.fail(problem or ProtocolError("draining", "this server is shutting down"))

    def abort(self) -> None:
        """Close the connection without a word."""
        self._abort()
