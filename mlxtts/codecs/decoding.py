"""Token records to PCM0 frames: what mlxtts-decode does, and every server with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from mlxtts.codecs import Codec
from mlxtts.codecs.utterance import Options, Passage, Utterance, Work, together
from mlxtts.errors import ModelError, TokensError
from mlxtts.wire.pcm0 import Frame
from mlxtts.wire.tokens import Begin, Codes, End, Header, Record

__all__ = ["Decoding", "Options"]


class Decoding:
    """`feed` takes the records of a token stream in order and yields PCM0 frames, with one of no
    samples after each utterance. `load(codec, path)` gives the codec that a header names; `heard`
    is called with the id of an utterance that has ended, the seconds of sound before it and its
    passages.

    Raises TokensError for codes that are not the codec's, UsageError for options that do not fit.
    """

    def __init__(
        self,
        load: Callable[[str, str], Codec],
        options: Options,
        heard: Callable[[str, float, list[Passage]], None] | None = None,
    ) -> None:
        self._load = load
        self._heard = heard
        self._seconds = 0.0
        self._options = options
        self._codec: Codec | None = None
        self._seed = 0
        self._utterance: Utterance | None = None

    def feed(self, record: Record) -> Iterator[Frame]:
        if isinstance(record, Header):
            self._start(record)
        elif isinstance(record, Begin):
            yield from self._begin(record)
        elif isinstance(record, Codes):
            yield from self._sound(self._speaking(record).push(record))
        elif isinstance(record, End):
            utterance = self._speaking(record)
            yield from self._sound(utterance.flush())
            self._utterance = None
            assert self._codec
            if self._heard:
                self._heard(record.id, self._seconds, utterance.passages)
            self._seconds += utterance.sent / self._codec.rate
            yield Frame(self._codec.rate)

    def run(self, records: Iterable[Record]) -> Iterator[Frame]:
        """The frames of a whole stream. If it breaks off, what it said by then is still heard."""
        try:
            for record in records:
                yield from self.feed(record)
        except TokensError:
            if self._utterance:
                yield from self._sound(self._utterance.flush())
            raise

    def _start(self, header: Header) -> None:
        codec = self._load(header.codec, header.codec_path)
        if codec.rate != header.rate:
            raise ModelError(
                f"codec {header.codec_path!r} has {codec.rate} Hz, the tokens are for {header.rate}"
            )
        self._options.check(codec)
        self._codec = codec
        self._seed = header.seed

    def _begin(self, record: Begin) -> Iterator[Frame]:
        if self._utterance:
            raise TokensError(record.line, "an utterance begins before the last one ended")
        assert self._codec
        self._utterance = Utterance(self._codec, self._options, self._seed, record)
        yield from self._frames(self._utterance.silence(record.pause))

    def _speaking(self, record: Codes | End) -> Utterance:
        assert self._utterance  # the reader lets no other line through
        return self._utterance

    def _sound(self, work: Work) -> Iterator[Frame]:
        assert self._codec
        yield from self._frames(together(self._codec, [work])[0])

    def _frames(self, pieces: list[bytes]) -> Iterator[Frame]:
        assert self._codec
        for piece in pieces:
            yield Frame(self._codec.rate, piece)
