"""A model and its codec: requests in, sound out, several at a time; for the one thread that loaded
them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from mlxtts.audio.chunks import WIDTH
from mlxtts.codecs import Codec
from mlxtts.codecs.utterance import Options, Utterance, Work, together
from mlxtts.engine.engine import Engine
from mlxtts.engine.order import Spoken
from mlxtts.engine.request import Request
from mlxtts.wire.pcm0 import Frame
from mlxtts.wire.tokens import Begin, Codes, End

DEFAULT = Options()


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


class Synthesis:
    """Speaks as many requests at a time as the engine does. The frames of a step are decoded in
    common."""

    def __init__(self, engine: Engine, codec: Codec) -> None:
        self._engine = engine
        self._codec = codec
        self._wanted: dict[str, tuple[Request, Options]] = {}
        self._utterances: dict[str, Utterance] = {}
        self._sent: dict[str, int] = {}
        self.rate = codec.rate
        """Samples a second."""

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do until the next `add`."""
        return self._engine.idle

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
        return [end for end in self._engine.cancel(id) if isinstance(end, End)]

    def step(self) -> list[Event]:
        """Work for about one frame; what has come of it."""
        return [*self._events(self._engine.step())]

    def run(self) -> Iterator[Event]:
        """Step until idle."""
        while not self.idle:
            yield from self.step()

    def _events(self, records: list[Spoken]) -> Iterator[Event]:
        of: dict[str, list[Spoken]] = {}
        for record in records:
            of.setdefault(record.id, []).append(record)
        sound = together(self._codec, [self._work(id, of[id]) for id in of])
        for id, pieces in zip(of, sound, strict=True):
            yield from (record for record in of[id] if isinstance(record, Begin))
            yield from self._sounds(id, pieces)
            for record in of[id]:
                if isinstance(record, End):
                    self._forget(id)
                    yield record

    def _sounds(self, id: str, pieces: Iterable[bytes]) -> Iterator[Sound]:
        for piece in pieces:
            segment = self._utterances[id].segment(self._sent.get(id, 0))
            yield Sound(id, piece, segment)
            self._sent[id] = self._sent.get(id, 0) + len(piece) // WIDTH

    def _work(self, id: str, records: Iterable[Spoken]) -> Work:
        """What an utterance's records ask of the codec."""
        pieces = []
        for record in records:
            if isinstance(record, Begin):
                pieces += self._begin(record)
            elif isinstance(record, Codes):
                pieces += yield from self._utterances[id].push(record)
            else:
                pieces += yield from self._utterances[id].flush()
        return pieces

    def _begin(self, record: Begin) -> list[bytes]:
        request, options = self._wanted[record.id]
        drawn = replace(record, id=request.name or record.id)
        utterance = Utterance(self._codec, options, request.seed, drawn)
        self._utterances[record.id] = utterance
        return utterance.silence(record.pause)

    def _forget(self, id: str) -> None:
        self._wanted.pop(id, None)
        self._utterances.pop(id, None)
        self._sent.pop(id, None)
