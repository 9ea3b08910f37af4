"""One stream of sound for whoever listens: a ring of its last seconds, and a place in it for each.

This module knows frames and how long they last. It knows no socket and no protocol. All but `feed`,
which is for a thread that may wait for a pipe, belongs to the thread of one event loop.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator

from mlxtts.errors import MlxttsError
from mlxtts.wire.pcm0 import Frame

RING = 10.0
"""Seconds that a listener may be behind."""
FRAMES = 1 << 14
"""Frames that a listener may be behind, however short they are."""
PIECE = 0.25
"""Seconds that a frame may last; longer ones are cut, or who joins would wait for their end."""
SLACK = 1.0
"""Seconds that a stream may be late, and catch up; beyond, real time begins anew."""


class BehindError(MlxttsError):
    """A listener was too slow."""

    def __init__(self, ring: float) -> None:
        super().__init__(f"more than {ring:g} s behind")


class Pace:
    """Tells when to go on, so that a stream is sent in the time that it lasts."""

    def __init__(self) -> None:
        self._due = float("-inf")

    def wait(self, seconds: float, now: float) -> float:
        """How long to wait before sending what lasts so many seconds."""
        if now > self._due + SLACK:
            self._due = now
        wait = max(0.0, self._due - now)
        self._due += seconds
        return wait


class Broadcast:
    """Frames are numbered from 0. `send` never waits for a listener."""

    def __init__(self, ring: float = RING) -> None:
        self.sent = 0
        """How many frames; the number of the next."""
        self.seconds = 0.0
        self.dropped = 0
        """How many listeners were too slow."""
        self.form: tuple[int, int] | None = None
        """The rate and the channels of the latest frame."""
        self.ended = False
        self.error: BaseException | None = None
        """What the stream ended by, if not well."""
        self.joined = asyncio.Event()
        """Set when there has been a listener."""
        self._size = ring
        self._ring: deque[Frame] = deque()
        self._held = 0.0
        self._listeners: set[Listener] = set()
        self._news = asyncio.Event()

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    @property
    def first(self) -> int:
        """The number of the oldest frame that is still there."""
        return self.sent - len(self._ring)

    def send(self, frame: Frame) -> None:
        if self.ended:
            return
        self._ring.append(frame)
        self.form = frame.rate, frame.channels
        self.sent += 1
        self.seconds += duration(frame)
        self._held += duration(frame)
        while self._held - duration(self._ring[0]) >= self._size or len(self._ring) > FRAMES:
            self._held -= duration(self._ring.popleft())
        for listener in self._listeners:
            listener.check()
        self._tell()

    def end(self, error: BaseException | None = None) -> None:
        """No more comes. Listeners get their rest."""
        if not self.ended:
            self.ended = True
            self.error = error
        self._tell()

    async def over(self) -> None:
        """Wait until it has ended."""
        while not self.ended:
            await self._news.wait()

    async def drained(self) -> None:
        """Wait until it has ended and nobody listens."""
        await self.over()
        while self._listeners:
            await self._news.wait()

    def listen(self, at: int | None = None) -> Listener:
        """From the next frame on, or from frame `at`, if it is still there."""
        at = at if at is not None and self.first <= at <= self.sent else self.sent
        listener = Listener(self, at)
        self._listeners.add(listener)
        self.joined.set()
        return listener

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)
        self._tell()

    def frame(self, number: int) -> Frame:
        return self._ring[number - self.first]

    async def news(self) -> None:
        """Wait for a frame, the end, or for somebody to leave."""
        await self._news.wait()

    def behind(self) -> BehindError:
        self.dropped += 1
        return BehindError(self._size)

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


class Listener:
    """Somebody's place in a broadcast; `at` is the number of the frame that comes next."""

    def __init__(self, broadcast: Broadcast, at: int) -> None:
        self.at = at
        self._broadcast = broadcast
        self._overtaken = asyncio.get_running_loop().create_future()

    async def deliver(self, send: Callable[[Frame], Awaitable[None]]) -> None:
        """Give `send` each frame, until the end; to be called once. Raises BehindError for one who
        is too slow, even while `send` waits, and whatever `send` raises."""
        sending = asyncio.ensure_future(self._each(send))
        try:
            await asyncio.wait({sending, self._overtaken}, return_when=asyncio.FIRST_COMPLETED)
            if self._overtaken.done():
                raise self._broadcast.behind()
            await sending
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            self.leave()

    def leave(self) -> None:
        self._broadcast.leave(self)

    def check(self) -> None:
        """Notice if the ring no longer holds the next frame."""
        if self.at < self._broadcast.first and not self._overtaken.done():
            self._overtaken.set_result(None)

    async def _each(self, send: Callable[[Frame], Awaitable[None]]) -> None:
        while not self._overtaken.done():
            if self.at < self._broadcast.sent:
                self.at += 1  # before it is sent: it can leave the ring now
                await send(self._broadcast.frame(self.at - 1))
            elif self._broadcast.ended:
                return
            else:
                await self._broadcast.news()


def duration(frame: Frame) -> float:
    return frame.num_samples / frame.rate


def pieces(frame: Frame) -> Iterator[Frame]:
    """The frame, in frames that are not too long."""
    size = 4 * frame.channels * max(1, int(PIECE * frame.rate))
    for at in range(0, max(1, len(frame.payload)), size):
        yield Frame(frame.rate, frame.payload[at : at + size], frame.channels)


def feed(
    broadcast: Broadcast,
    frames: Iterable[Frame],
    loop: asyncio.AbstractEventLoop,
    pace: Pace | None = None,
    wait: bool = False,
) -> None:
    """Send all frames, at their pace, and end the broadcast, well or not. With `wait` nothing is
    sent before somebody listens."""

    async def put(frame: Frame) -> None:
        if wait:
            await broadcast.joined.wait()
        await asyncio.sleep(pace.wait(duration(frame), time.monotonic()) if pace else 0)
        broadcast.send(frame)

    error = None
    try:
        for frame in itertools.chain.from_iterable(map(pieces, frames)):
            asyncio.run_coroutine_threadsafe(put(frame), loop).result()
    except BaseException as problem:
        error = problem
    loop.call_soon_threadsafe(broadcast.end, error)
