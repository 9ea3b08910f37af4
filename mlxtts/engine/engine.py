"""The loop around a model: requests in, token records out, a frame of all rows a step.

It computes one frame ahead: while a frame is read, the next is under way. It knows no model by
name, takes no locks, and must be used by the one thread that loaded the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mlxtts.engine.request import Request
from mlxtts.engine.scheduler import Job, Scheduler
from mlxtts.models import Config, Frames, Model, Prompt
from mlxtts.nn import on_cpu
from mlxtts.nn.random import key
from mlxtts.text.sentences import extent
from mlxtts.wire.tokens import Begin, Codes, End

READING = 512 if on_cpu() else 2048  # tokens of prompts read in a step, while others are spoken


@dataclass(frozen=True)
class Frame:
    """A frame under way, and of each row whose it is and which segment's."""

    rows: list[tuple[Job, int]]
    frames: Frames


class Engine:
    """Speaks as many as `width` requests at a time."""

    def __init__(self, model: Model, config: Config, width: int = 1, cache_bits: int = 16) -> None:
        self._model = model
        self._config = config
        self._batch = model.batch(width, cache_bits)
        self._scheduler = Scheduler(width)
        self._prompts: dict[Job, Prompt] = {}
        self._ahead: Frame | None = None

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do until the next `add`."""
        return self._scheduler.idle

    @property
    def room(self) -> int:
        """How many more requests can be spoken at once with those that have been added."""
        s = self._scheduler
        return s.width - len(s.waiting) - len(s.preparing) - len(s.rows)

    def add(self, request: Request) -> None:
        """Queue an utterance. Its id must not be one that is still being spoken."""
        self._scheduler.waiting.append(Job(request, self._config.segment_pause))

    def cancel(self, id: str) -> list[Begin | Codes | End]:
        """Give an utterance up; the records that this makes due."""
        waiting = self._scheduler.waiting
        for job in [job for job in waiting if job.request.id == id]:
            waiting.remove(job)
        if begun := self._scheduler.find(id):
            self._drop(begun)
            return [End(id, "cancel")]
        return []

    def step(self) -> list[Begin | Codes | End]:
        """Work for about one frame; the records that are due."""
        records: list[Begin | Codes | End] = []
        while job := self._scheduler.admit():
            job.next_segment()
            self._prepare(job)
            records.append(job.begin())
        self._read()
        ahead, self._ahead = self._ahead, self._launch()
        return records + (self._settle(ahead) if ahead else [])

    def run(self) -> Iterator[Begin | Codes | End]:
        """Step until idle."""
        while not self.idle:
            yield from self.step()

    def _read(self) -> None:
        """Read prompts, so many that who is being spoken need not wait long, and let them join."""
        scheduler, budget = self._scheduler, READING
        while scheduler.preparing and (budget or not scheduler.rows):
            pieces = self._pieces(budget or READING)
            budget = max(0, budget - sum(tokens for _, tokens in pieces))
            self._batch.read(pieces)
            while scheduler.preparing and not self._prompts[scheduler.preparing[0]].left:
                self._batch.join(self._prompts.pop(scheduler.join()))

    def _pieces(self, budget: int) -> list[tuple[Prompt, int]]:
        """What to read of prompts, so many tokens at most."""
        pieces = []
        for job in self._scheduler.preparing:
            prompt = self._prompts[job]
            pieces.append((prompt, min(prompt.left, budget)))
            budget -= pieces[-1][1]
            if not budget:
                break
        return pieces

    def _launch(self) -> Frame | None:
        if not self._scheduler.rows:
            return None
        frames = self._batch.frame()
        return Frame([(job, job.segment) for job in self._scheduler.rows], frames)

    def _settle(self, frame: Frame) -> list[Begin | Codes | End]:
        """What is due of a frame: nothing for those who are not spoken any more."""
        records: list[Begin | Codes | End] = []
        for (job, segment), found in zip(frame.rows, frame.frames.read(), strict=True):
            if job.row is None or job.segment != segment:
                continue
            if found and not job.full:
                records.append(job.take(found))
            elif not self._finish_segment(job, cut=found is not None):
                records.append(job.end())
        return records

    def _finish_segment(self, job: Job, *, cut: bool) -> bool:
        """Take the row away; True if another segment follows."""
        if cut:
            job.cut()
        self._drop(job)
        if not job.next_segment():
            return False
        self._prepare(job)
        self._scheduler.prepare_again(job)
        return True

    def _prepare(self, job: Job) -> None:
        request = job.request
        keys = key(request.seed, request.name or request.id, str(job.segment))
        how = request.voice, request.sampling, keys, request.example
        prompt = self._model.prompt(job.piece, *how)
        self._prompts[job] = prompt
        job.limit(self._config.frame_limit(extent(job.piece.text)))

    def _drop(self, job: Job) -> None:
        if job.row is None:
            self._scheduler.preparing.remove(job)
            del self._prompts[job]
        else:
            self._batch.leave(self._scheduler.leave(job))
