"""Token records to PCM0 frames: what mlxtts-decode does, and every server with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from mlxtts.audio.chunks import WIDTH, Rechunk, Trim
from mlxtts.codecs import Codec, Stream
from mlxtts.errors import ModelError, TokensError, UsageError
from mlxtts.nn import mx
from mlxtts.nn.random import key
from mlxtts.wire.pcm0 import Frame
from mlxtts.wire.tokens import Begin, Codes, End, Header, Record

SILENCE = 10 ** (-50 / 20)
LEAD = 0.01  # seconds kept before the onset


@dataclass(frozen=True)
class Options:
    """How an utterance is cut on its way out.

    lookahead, first: as in codecs.Codec.stream.
    chunk_tokens: codes to decode at once; by default one frame at first and up to four as the
        utterance gets longer, so that sound begins early and work is done in larger pieces later.
    chunk_ms: length of the PCM0 frames in milliseconds; by default as the decoder gives them.
    respect_boundaries: with chunk_ms, no PCM0 frame spans two chunks of the decoder.
    trim: leave out the silence before speech.
    seed: in place of the one in the header.
    """

    lookahead: int | None = None
    first: int | None = None
    chunk_tokens: int | None = None
    chunk_ms: float | None = None
    respect_boundaries: bool = False
    trim: bool = False
    seed: int | None = None


class Decoding:
    """`feed` takes the records of a token stream in order and yields PCM0 frames, with one of no
    samples after each utterance. `load(codec, path)` gives the codec that a header names.

    Raises TokensError for codes that are not the codec's, UsageError for options that do not fit.
    """

    def __init__(self, load: Callable[[str, str], Codec], options: Options) -> None:
        self._load = load
        self._options = options
        self._codec: Codec | None = None
        self._seed = 0
        self._utterance: _Utterance | None = None

    def feed(self, record: Record) -> Iterator[Frame]:
        if isinstance(record, Header):
            self._start(record)
        elif isinstance(record, Begin):
            yield from self._begin(record)
        elif isinstance(record, Codes):
            yield from self._frames(self._speaking(record).push(record))
        elif isinstance(record, End):
            yield from self._frames(self._speaking(record).flush())
            self._utterance = None
            assert self._codec
            yield Frame(self._codec.rate)

    def run(self, records: Iterable[Record]) -> Iterator[Frame]:
        """The frames of a whole stream. If it breaks off, what it said by then is still heard."""
        try:
            for record in records:
                yield from self.feed(record)
        except TokensError:
            if self._utterance:
                yield from self._frames(self._utterance.flush())
            raise

    def _start(self, header: Header) -> None:
        codec = self._load(header.codec, header.codec_path)
        if codec.rate != header.rate:
            raise ModelError(
                f"codec {header.codec_path!r} has {codec.rate} Hz, the tokens are for {header.rate}"
            )
        tokens = self._options.chunk_tokens
        if tokens is not None and (tokens < 1 or tokens % codec.frame_codes):
            raise UsageError(
                f"--chunk-tokens {tokens}: must be a multiple of {codec.frame_codes}, "
                f"the codes of a {header.codec} frame"
            )
        self._codec = codec
        self._seed = header.seed if self._options.seed is None else self._options.seed

    def _begin(self, record: Begin) -> Iterator[Frame]:
        if self._utterance:
            raise TokensError(record.line, "an utterance begins before the last one ended")
        assert self._codec
        self._utterance = _Utterance(self._codec, self._options, self._seed, record)
        yield from self._frames(self._utterance.silence(record.pause))

    def _speaking(self, record: Codes | End) -> _Utterance:
        assert self._utterance  # the reader lets no other line through
        return self._utterance

    def _frames(self, pieces: list[bytes]) -> Iterator[Frame]:
        assert self._codec
        for piece in pieces:
            yield Frame(self._codec.rate, piece)


class _Utterance:
    def __init__(self, codec: Codec, options: Options, seed: int, begin: Begin) -> None:
        self._codec = codec
        self._options = options
        self._seed = seed
        self._id = begin.id
        self._parts = 0
        self._stream = self._new_stream()
        self._pending: list[tuple[int, ...]] = []
        self._decoded = 0
        self._trim = Trim(SILENCE, round(LEAD * codec.rate)) if options.trim else None
        self._chunks = None
        if options.chunk_ms is not None:
            samples = max(1, round(options.chunk_ms * codec.rate / 1000))
            self._chunks = Rechunk(samples, options.respect_boundaries)

    def push(self, record: Codes) -> list[bytes]:
        if reason := self._codec.refusal(record.codes):
            raise TokensError(record.line, reason)
        pieces = []
        if record.pause:
            pieces += self._finish_stream()
            pieces += self.silence(record.pause)
        self._pending.append(record.codes)
        if len(self._pending) >= self._chunk_frames():
            pieces += self._decode()
        return pieces

    def flush(self) -> list[bytes]:
        return self._finish_stream() + (self._chunks.flush() if self._chunks else [])

    def silence(self, seconds: float) -> list[bytes]:
        return self._cut(b"\0" * (WIDTH * round(seconds * self._codec.rate)))

    def _new_stream(self) -> Stream:
        noise = key(self._seed, self._id, str(self._parts))
        self._parts += 1
        return self._codec.stream(noise, self._options.lookahead, self._options.first)

    def _chunk_frames(self) -> int:
        if self._options.chunk_tokens is not None:
            return self._options.chunk_tokens // self._codec.frame_codes
        return min(max(self._decoded // 6, 1), 4)

    def _decode(self) -> list[bytes]:
        frames, self._pending = self._pending, []
        self._decoded += len(frames)
        return self._speech(self._stream.push(frames))

    def _finish_stream(self) -> list[bytes]:
        pieces = self._decode() if self._pending else []
        pieces += self._speech(self._stream.flush())
        self._stream = self._new_stream()
        return pieces

    def _speech(self, samples: mx.array) -> list[bytes]:
        data = bytes(memoryview(samples)) if samples.size else b""  # type: ignore[arg-type]
        return self._cut(self._trim.push(data) if self._trim else data)

    def _cut(self, data: bytes) -> list[bytes]:
        if not data:
            return []
        return self._chunks.push(data) if self._chunks else [data]
