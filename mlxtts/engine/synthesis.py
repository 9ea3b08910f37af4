"""A model and its codec: requests in, sound out, several at a time; for the one thread that loaded
them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from mlxtts.audio.chunks import WIDTH
from mlxtts.codecs import Codec
from mlxtts.codecs.utterance import Options, Utterance, Work, begin
from mlxtts.engine.engine import Engine
from mlxtts.engine.order import Spoken
from mlxtts.engine.request import Request
from mlxtts.nn import on_cpu
from mlxtts.wire.pcm0 import Frame
from mlxtts.wire.tokens import Begin, Codes, End

DEFAULT = Options()
MANY = None if on_cpu() else 16
"""From so many streams on their sound is fetched a step later, since a GPU has the next frame to
compute meanwhile, and would stand still while theirs is handed on."""


@dataclass(frozen=True)
class Sound:
    """The next of an utterance's sound: `data`, float32 little-endian mono samples. `segment`:
    which of the request's segments is heard where they begin."""

    id: str
    data: bytes
    segment: int = 0


Event = Begin | Sound | End


def frames(events: Iterable[Event], rate: int) -> Iterator[Frame]:
    """The sound of one utterance after another as PCM0 frames."""
    for event in events:
        if isinstance(event, Sound):
            yield Frame(rate, event.data)
        elif isinstance(event, End):
            yield Frame(rate)


@dataclass
class UnderWay:
    """A step's records, by utterance, and what waits for their sound."""

    records: dict[str, list[Spoken]]
    finish: Callable[[], list[list[bytes]]]
    names: list[str]


class Synthesis:
    """Speaks as many requests at a time as the engine does. The frames of a step are decoded in
    common."""

    def __init__(self, engine: Engine, codec: Codec) -> None:
        self._engine = engine
        self._codec = codec
        self._wanted: dict[str, tuple[Request, Options]] = {}
        self._utterances: dict[str, Utterance] = {}
        self._sent: dict[str, int] = {}
        self._under_way: UnderWay | None = None
        self.rate = codec.rate
        """Samples a second."""

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do until the next `add`."""
        return self._engine.idle and not self._under_way

    @property
    def room(self) -> int:
        """How many more requests can be spoken at once with those that have been added."""
        return self._engine.room

    def add(self, request: Request, options: Options = DEFAULT) -> None:
        """Queue an utterance. Its id must not be one that is still being spoken. The seed of the
        noise is the request's, too. Raises UsageError for options that do not fit the codec."""
        options.check(self._codec)
        self._wanted[request.id] = request, options
        self._engine.add(request)

    def cancel(self, id: str) -> list[Event]:
        """Give an utterance up, at once and without the rest of its sound; its end, if it had
        begun."""
        self._forget(id)
        if self._under_way:
            self._under_way.records.pop(id, None)
        return [end for end in self._engine.cancel(id) if isinstance(end, End)]

    def step(self) -> list[Event]:
        """Work for about one frame; what has come of it."""
        records = self._engine.step()
        events = self._fetch()
        many = self._decode(records)
        return events if many else events + self._fetch()

    def run(self) -> Iterator[Event]:
        """Step until idle."""
        while not self.idle:
            yield from self.step()

    def _decode(self, records: list[Spoken]) -> bool:
        """Begin to; whether they are many."""
        of: dict[str, list[Spoken]] = {}
        for record in records:
            of.setdefault(record.id, []).append(record)
            if isinstance(record, Begin):
                self._utterances[record.id] = self._new(record)
        finish = begin(self._codec, [_work(self._utterances[id], of[id]) for id in of])
        self._under_way = UnderWay(of, finish, [*of])
        return MANY is not None and len(of) >= MANY

    def _fetch(self) -> list[Event]:
        if not (done := self._under_way):
            return []
        self._under_way = None
        events: list[Event] = []
        for id, pieces in zip(done.names, done.finish(), strict=True):
            events += self._events(id, done.records.get(id, []), pieces)
        return events

    def _events(self, id: str, records: list[Spoken], pieces: list[bytes]) -> Iterator[Event]:
        if records:  # it has not been given up
            yield from (record for record in records if isinstance(record, Begin))
            yield from self._sounds(id, pieces)
            yield from self._ends(records)

    def _ends(self, records: list[Spoken]) -> Iterator[End]:
        for record in records:
            if isinstance(record, End):
                self._forget(record.id)
                yield record

    def _sounds(self, id: str, pieces: Iterable[bytes]) -> Iterator[Sound]:
        for piece in pieces:
            segment = self._utterances[id].segment(self._sent.get(id, 0))
            yield Sound(id, piece, segment)
            self._sent[id] = self._sent.get(id, 0) + len(piece) // WIDTH

    def _new(self, record: Begin) -> Utterance:
        request, options = self._wanted[record.id]
        drawn = replace(record, id=request.name or record.id)
        return Utterance(self._codec, options, request.seed, drawn)

    def _forget(self, id: str) -> None:
        self._wanted.pop(id, None)
        self._utterances.pop(id, None)
        self._sent.pop(id, None)


def _work(utterance: Utterance, records: Iterable[Spoken]) -> Work:
    """What an utterance's records ask of the codec."""
    pieces = []
    for record in records:
        if isinstance(record, Begin):
            pieces += utterance.silence(record.pause)
        elif isinstance(record, Codes):
            pieces += yield from utterance.push(record)
        else:
            pieces += yield from utterance.flush()
    return pieces
