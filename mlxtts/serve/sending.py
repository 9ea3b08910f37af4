"""How a client's text goes to a server: as it comes, and as it is spoken there."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterable
from queue import SimpleQueue

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

AHEAD = 10_000
"""Characters that may wait at the server to be spoken, which has room for 20,000."""
PIECE = 2_000
"""Characters of a message."""
ASKING = 0.5
"""Seconds until it is asked again how many wait."""


class Text:
    """Pieces of text as they come, kept, so that a further try can begin with the first. A thread
    waits for them. They go to the server as it speaks, which holds no more than so much."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self._pieces: list[str] = []
        self._ended = False
        self._error: BaseException | None = None
        self._answers: SimpleQueue[int] = SimpleQueue()
        self._changed = threading.Condition()
        threading.Thread(target=self._fill, args=[pieces], daemon=True).start()

    @property
    def error(self) -> BaseException | None:
        """What waiting for it came to, if not to its end."""
        return self._error

    def send(self, ws: ClientConnection) -> None:
        """All of it, as it comes. Ends early, without a word, when the connection does."""
        with contextlib.suppress(ConnectionClosed):
            answers = self._answers = SimpleQueue()  # of this connection
            at = waiting = 0
            while (whole := self._piece(at)) is not None:
                for begin in range(0, len(whole), PIECE):
                    piece = whole[begin : begin + PIECE]
                    while waiting + len(piece) > AHEAD:
                        ws.send(json.dumps({"type": "get_status"}))
                        waiting = answers.get()  # to one question, or later answers would be old
                        if waiting + len(piece) > AHEAD:
                            time.sleep(ASKING)
                    ws.send(json.dumps({"type": "text", "text": piece}))
                    waiting += len(piece)
                at += 1
            if self._error:
                ws.close()
            else:
                ws.send(json.dumps({"type": "end"}))

    def told(self, waiting: int) -> None:
        """The answer to a question for its status: so many characters wait there."""
        self._answers.put(waiting)

    def _piece(self, at: int) -> str | None:
        with self._changed:
            self._changed.wait_for(lambda: at < len(self._pieces) or self._ended)
            return self._pieces[at] if at < len(self._pieces) else None

    def _fill(self, pieces: Iterable[str]) -> None:
        error: BaseException | None = None
        try:
            for piece in pieces:
                with self._changed:
                    self._pieces.append(piece)
                    self._changed.notify_all()
        except BaseException as problem:
            error = problem
        with self._changed:
            self._error, self._ended = error, True
            self._changed.notify_all()
