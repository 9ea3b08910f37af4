"""Who is spoken, and in which row: first come, first served, and nobody waits for another's end
once there is a row. Knows nothing of MLX."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from mlxtts.engine.request import Request
from mlxtts.text.frontend import Segment
from mlxtts.wire.tokens import MAX_PAUSE, Begin, Codes, End

if TYPE_CHECKING:
    from mlxtts.models import Frame


class Job:
    """A request on its way, segment by segment."""

    def __init__(self, request: Request, segment_pause: float) -> None:
        self.request = request
        self.row: int | None = None
        self.segment = -1
        self._segment_pause = segment_pause
        self._frames = 0
        self._limit = 0
        self._cut = False

    @property
    def piece(self) -> Segment:
        """The segment itself."""
        return self.request.segments[self.segment]

    @property
    def full(self) -> bool:
        """Whether the segment has all the frames that it may have."""
        return self._frames == self._limit

    def begin(self) -> Begin:
        request = self.request
        pause = min(request.pause + request.segments[0].pause, MAX_PAUSE)
        return Begin(request.id, request.text, pause, dict(request.extra))

    def next_segment(self) -> bool:
        """Turn to the next segment; False if there is none."""
        self.segment += 1
        self._frames = 0
        return self.segment < len(self.request.segments)

    def limit(self, frames: int) -> None:
        """How many frames the segment may have."""
        self._limit = self.request.max_frames or frames

    def take(self, frame: Frame) -> Codes:
        """The next frame of the segment as a record."""
        first = not self._frames
        self._frames += 1
        return Codes(
            self.request.id,
            frame.codes,
            self.piece.text if first else None,
            self._pause if first and self.segment else 0.0,
            frame.words,
        )

    @property
    def _pause(self) -> float:
        """Between the segment and the one before."""
        return self.piece.pause or self._segment_pause

    def cut(self) -> None:
        """The segment had more to say."""
        self._cut = True

    def end(self) -> End:
        return End(self.request.id, "length" if self._cut else "stop")


class Scheduler:
    """Jobs wait, then are prepared, then have a row each of the `width` that there are.

    The last row takes the place of one that leaves, as in models.Batch.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.waiting: deque[Job] = deque()
        self.preparing: deque[Job] = deque()
        self.rows: list[Job] = []

    @property
    def idle(self) -> bool:
        return not (self.waiting or self.preparing or self.rows)

    def admit(self) -> Job | None:
        """The next job, if there is a place for it, which is now being prepared."""
        if not self.waiting or len(self.preparing) + len(self.rows) >= self.width:
            return None
        job = self.waiting.popleft()
        self.preparing.append(job)
        return job

    def join(self) -> Job:
        """The job that has been prepared longest has the last row now."""
        job = self.preparing.popleft()
        job.row = len(self.rows)
        self.rows.append(job)
        return job

    def leave(self, job: Job) -> int:
        """Take a job's row from it; returns which it was."""
        row, last = job.row, self.rows.pop()
        assert row is not None
        if last is not job:
            self.rows[row] = last
        last.row, job.row = row, None
        return row

    def prepare_again(self, job: Job) -> None:
        """A job without a row goes on with another segment, before those that have not begun."""
        self.preparing.appendleft(job)

    def find(self, id: str) -> Job | None:
        """The job with this id that is not waiting."""
        jobs = [*self.preparing, *self.rows]
        return next((job for job in jobs if job.request.id == id), None)
