"""The loop around a model: requests in, token records out, a frame a step.

It computes one frame ahead: while a frame is read, the next is under way. It knows no model by
name, takes no locks, and must be used by the one thread that loaded the model.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from mlxtts.engine.request import Request
from mlxtts.models import Config, Model
from mlxtts.nn import mx
from mlxtts.nn.random import key
from mlxtts.wire.tokens import Begin, Codes, End, Record


class Engine:
    """Speaks requests in the order in which they were added."""

    def __init__(self, model: Model, config: Config) -> None:
        self._model = model
        self._config = config
        self._waiting: deque[Request] = deque()
        self._row: _Row | None = None

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do until the next `add`."""
        return self._row is None and not self._waiting

    def add(self, request: Request) -> None:
        """Queue an utterance. Its id must not be one that is still being spoken."""
        self._waiting.append(request)

    def cancel(self, id: str) -> list[Record]:
        """Give an utterance up; the records that this makes due."""
        self._waiting = deque(request for request in self._waiting if request.id != id)
        if self._row and self._row.request.id == id:
            self._row = None
            return [End(id, "cancel")]
        return []

    def step(self) -> list[Record]:
        """Work for about one frame; the records that are due."""
        if self._row is None:
            if not self._waiting:
                return []
            self._row = _Row(self._waiting.popleft(), self._model, self._config)
            return [self._row.begin()]
        records = self._row.step()
        if records and isinstance(records[-1], End):
            self._row = None
        return records

    def run(self) -> Iterator[Record]:
        """Step until idle."""
        while not self.idle:
            yield from self.step()


class _Row:
    """A request being spoken, segment by segment."""

    def __init__(self, request: Request, model: Model, config: Config) -> None:
        self.request = request
        self._model = model
        self._config = config
        self._segments = enumerate(request.segments)
        self._cut = False
        self._text: str | None = None
        self._ahead: tuple[mx.array, mx.array]
        self._next_segment()

    def begin(self) -> Begin:
        return Begin(self.request.id, self.request.text, self.request.pause)

    def step(self) -> list[Record]:
        """Hand out the frame that is under way, or what ends the segment instead of one."""
        codes, ended = self._ahead
        following = self._begin_frame()
        if ended.item():
            return [] if self._next_segment() else [self._end()]
        text = None if self._frames else self._text
        pause = self._config.segment_pause if self._segment and text else 0.0
        numbers: list[int] = codes.tolist()  # type: ignore[assignment]
        records: list[Record] = [Codes(self.request.id, tuple(numbers), text, pause)]
        self._frames += 1
        self._ahead = following
        if self._frames == self._limit:
            self._cut = self._cut or not following[1].item()
            if not self._next_segment():
                records.append(self._end())
        return records

    def _next_segment(self) -> bool:
        """Begin the next segment; False if there is none."""
        self._segment, self._text = next(self._segments, (0, None))
        if self._text is None:
            return False
        request = self.request
        keys = key(request.seed, request.id, str(self._segment))
        self._speech = self._model.speak(self._text, request.voice, request.sampling, keys)
        self._frames = 0
        self._limit = request.max_frames or self._config.frame_limit(self._text)
        self._ahead = self._begin_frame()
        return True

    def _begin_frame(self) -> tuple[mx.array, mx.array]:
        frame = self._speech.frame()
        mx.async_eval(*frame)
        return frame

    def _end(self) -> End:
        return End(self.request.id, "length" if self._cut else "stop")
