"""One utterance on its way from codes to sound.

What an utterance needs of the codec it asks for, so that it can be done for several at a time: its
work is a generator that yields a stream with the frames to push into it, or None to flush it, and
gets the samples.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from mlxtts.audio.chunks import WIDTH, Rechunk, Trim
from mlxtts.codecs import Codec, Eager, Pending, Samples, Stream
from mlxtts.errors import OptionError, TokensError, UsageError, VoiceError
from mlxtts.nn import on_cpu
from mlxtts.nn.random import key
from mlxtts.wire.tokens import Begin, Codes

SILENCE = 10 ** (-50 / 20)
LEAD = 0.01  # seconds kept before the onset

Frames = list[tuple[int, ...] | str]
Ask = tuple[Stream, Frames | None]
Work = Generator[Ask, Samples, list[bytes]]


@dataclass(frozen=True)
class Options:
    """How an utterance is cut on its way out.

    lookahead, first: as in codecs.Codec.stream.
    chunk_tokens: codes to decode at once; by default one frame at first and up to four as the
        utterance gets longer, so that sound begins early and work is done in larger pieces later;
        on a GPU always one, so that all utterances are decoded together.
    chunk_ms: length of the PCM0 frames in milliseconds; by default as the decoder gives them.
    respect_boundaries: with chunk_ms, no PCM0 frame spans two chunks of the decoder.
    trim: leave out the silence before speech.
    seed: of the noise, in place of the one that made the codes.
    """

    lookahead: int | None = None
    first: int | None = None
    chunk_tokens: int | None = None
    chunk_ms: float | None = None
    respect_boundaries: bool = False
    trim: bool = False
    seed: int | None = None

    def check(self, codec: Codec) -> None:
        """Raises UsageError for what this codec cannot do."""
        tokens, size, length = self.chunk_tokens, codec.frame_codes, self.chunk_ms
        if length is not None and not 0 < length < math.inf:
            raise OptionError("chunk_ms", "must be above 0", f"{length:g}")
        if tokens is not None and not size:
            raise OptionError("chunk_tokens", "this codec decodes whole segments", tokens)
        if tokens is not None and (tokens < 1 or tokens % size):
            reason = f"must be a multiple of {size}, the codes of a frame"
            raise OptionError("chunk_tokens", reason, tokens)


@dataclass(frozen=True)
class Word:
    """When it is heard, in seconds since the utterance began."""

    text: str
    start: float
    stop: float


@dataclass
class Passage:
    """A piece of an utterance's text and its words, if the codec can tell."""

    text: str
    start: float
    stop: float
    words: list[Word]


class Utterance:
    """Samples leave as bytes, float32 little-endian, in pieces that may become PCM0 frames.

    passages: what has been said, once it has been flushed or a pause has come.
    sent: samples that have left. What is still held to be cut has.
    """

    def __init__(self, codec: Codec, options: Options, seed: int, begin: Begin) -> None:
        self._codec = codec
        self._options = options
        self._seed = seed if options.seed is None else options.seed
        self._id = begin.id
        self._extra = begin.extra
        self._line = begin.line
        self._parts = 0
        self.sent = 0
        self.passages: list[Passage] = []
        self._starts: list[int] = []
        self._stream = self._new_stream()
        self._pending: Frames = []
        self._decoded = 0
        self._trim = Trim(SILENCE, round(LEAD * codec.rate)) if options.trim else None
        self._chunks = None
        if options.chunk_ms is not None:
            samples = max(1, round(options.chunk_ms * codec.rate / 1000))
            self._chunks = Rechunk(samples, options.respect_boundaries)

    def push(self, record: Codes) -> Work:
        """Raises TokensError for codes that are not the codec's."""
        if reason := self._codec.refusal(record.codes):
            raise TokensError(record.line, reason)
        pieces = []
        if record.pause:
            pieces += yield from self._finish_stream()
            pieces += self.silence(record.pause)
        self._told.append(record)
        self._pending.append(record.codes)
        if len(self._pending) >= self._chunk_frames():
            pieces += yield from self._decode()
        return pieces

    def flush(self) -> Work:
        pieces = yield from self._finish_stream()
        return pieces + (self._chunks.flush() if self._chunks else [])

    def silence(self, seconds: float) -> list[bytes]:
        return self._cut(b"\0" * (WIDTH * round(seconds * self._codec.rate)))

    def _new_stream(self) -> Stream:
        noise = key(self._seed, self._id, str(self._parts))
        self._parts += 1
        self._told: list[Codes] = []
        self._seen = 0
        self._start, self._taken = self.sent, 0
        lookahead = self._options.lookahead
        first = self._options.first if self._parts == 1 else None
        try:
            return self._codec.stream(noise, lookahead, first, self._extra)
        except (UsageError, VoiceError) as error:
            raise TokensError(self._line, str(error)) from None

    def _chunk_frames(self) -> int:
        if self._options.chunk_tokens is not None:
            return self._options.chunk_tokens // self._codec.frame_codes
        grows = on_cpu() and self._codec.frame_codes
        return min(max(self._decoded // 6, 1), 4) if grows else 1

    def _decode(self) -> Work:
        frames, self._pending = self._pending, []
        self._decoded += len(frames)
        pieces = self._speech((yield self._stream, frames))
        self._find_starts()
        return pieces

    def _find_starts(self) -> None:
        """Where the pieces of text begin whose first frames have been decoded."""
        shift = self._taken - (self.sent - self._start)
        for number in range(self._seen, len(self._told)):
            if self._told[number].text is not None:
                at = self._stream.span(number).start - shift
                self._starts.append(self._start + max(at, 0))
        self._seen = len(self._told)

    def segment(self, sample: int) -> int:
        """Which piece of the text is heard at a sample of the utterance that has left."""
        return max(bisect_right(self._starts, sample) - 1, 0)

    def _finish_stream(self) -> Work:
        pieces = (yield from self._decode()) if self._pending else []
        pieces += self._speech((yield self._stream, None))
        self._note()
        self._stream = self._new_stream()
        return pieces

    def _speech(self, samples: Samples) -> list[bytes]:
        data = samples.tobytes()
        self._taken += len(data) // WIDTH
        return self._cut(self._trim.push(data) if self._trim else data)

    def _cut(self, data: bytes) -> list[bytes]:
        if not data:
            return []
        self.sent += len(data) // WIDTH
        return self._chunks.push(data) if self._chunks else [data]

    def _note(self) -> None:
        """Find out where the stream that ends said what. What was trimmed lay before it all."""
        rate, shift = self._codec.rate, self._taken - (self.sent - self._start)

        def seconds(sample: int) -> float:
            return (self._start + max(sample - shift, 0)) / rate

        for number, record in enumerate(self._told):
            span = self._stream.span(number)
            stop = seconds(span.stop)
            if record.text is None and self.passages and not span.words:
                self.passages[-1].stop = stop
                continue
            words = record.words or tuple(str(record.codes).split(" ")) if span.words else ()
            places = [(seconds(a), seconds(b)) for a, b in span.words]
            passage = Passage(record.text or "", seconds(span.start), stop, _joined(words, places))
            self.passages.append(passage)


def _joined(words: Sequence[str], places: Sequence[tuple[float, float]]) -> list[Word]:
    """A word for each place, but that an empty one goes on with the word before; what is left of
    either counts for the last."""
    joined: list[Word] = []
    written = [*words[: len(places)], *[""] * (len(places) - len(words))]
    for word, (start, stop) in zip(written, places, strict=True):
        if word or not joined:
            joined.append(Word(word, start, stop))
        else:
            joined[-1] = Word(joined[-1].text, joined[-1].start, stop)
    return joined


def together(codec: Codec, works: Sequence[Work]) -> list[list[bytes]]:
    """Do the work of several utterances, and what they ask of the codec in common calls."""
    return begin(codec, works)()


def begin(codec: Codec, works: Sequence[Work]) -> Callable[[], list[list[bytes]]]:
    """`together` as far as there is nothing to wait for; the rest is done when it is called."""
    done: list[list[bytes]] = [[] for _ in works]
    asked: dict[int, Ask] = {}
    under_way: list[tuple[list[int], Pending]] = []

    def go_on(n: int, samples: Samples | None) -> None:
        try:
            asked[n] = works[n].send(samples)  # type: ignore[arg-type]
        except StopIteration as end:
            done[n] = end.value

    def call() -> None:
        while asked:
            count = _count(next(iter(asked.values())))
            alike = {n: asked.pop(n) for n in [*asked] if _count(asked[n]) == count}
            under_way.append(([*alike], _call(codec, [*alike.values()])))

    def finish() -> list[list[bytes]]:
        while under_way:
            rows, pending = under_way.pop(0)
            for n, piece in zip(rows, pending(), strict=True):
                go_on(n, piece)
            call()
        return done

    for n in range(len(works)):
        go_on(n, None)
    call()
    return finish


def _call(codec: Codec, asked: Sequence[Ask]) -> Pending:
    """What streams ask of the codec, all of them for as many frames."""
    streams = [stream for stream, _ in asked]
    frames = [frames for _, frames in asked if frames] or None
    if isinstance(codec, Eager):
        return codec.begin(streams, frames)
    samples = codec.push(streams, frames) if frames else codec.flush(streams)
    return lambda: samples


def _count(ask: Ask) -> int:
    return len(ask[1] or [])
