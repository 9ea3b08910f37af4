"""Sound files into PCM0 frames: whatever libsndfile reads, a piece at a time."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import pairwise
from typing import IO, Any

import numpy as np

from mlxtts.audio import ogg
from mlxtts.audio.announced import TAG, Announced, announced, estimated
from mlxtts.audio.filters import frames
from mlxtts.audio.resample import Resample, Samples
from mlxtts.errors import AudioError, CutShortError
from mlxtts.wire.pcm0 import CHANNELS, RATES, Frame

PIECE = 0.1  # seconds
BLOCK = 1 << 16  # bytes
LONG = 1 << 40  # bytes
REACH = 2000  # bytes of a frame, or in which one is looked for
TAGS = (b"APETAGEX", b"LYRICSBEGIN", b"TAG")  # at the end of an MP3, or of a part of it
UNKNOWN = 1 << 62  # samples; what libsndfile takes for the length of a stream that does not say it


def spool(data: Iterable[bytes]) -> IO[bytes]:
    """A file of what comes from a pipe, where libsndfile could not go back."""
    file = tempfile.TemporaryFile()  # noqa: SIM115
    for piece in data:
        file.write(piece)
    file.seek(0)
    return file


def read(file: IO[bytes], rate: int | None = None, mono: bool = False) -> Iterator[Frame]:
    """The sound in an open file, which can seek, as one utterance with its end; resampled to
    `rate`, and with `mono` all channels mixed into one. Raises AudioError if it cannot be read, or
    has a rate or channels that PCM0 does not; CutShortError after all that is there, if it should
    be more.

    Of a chained Ogg file all parts are read, at the rate of the first.
    """
    begins = ogg.parts(file.fileno())
    if len(begins) < 2:
        yield from _sound(file, rate, mono)
        return
    first = cut = None
    for number, (begin, end) in enumerate(pairwise([*begins, os.fstat(file.fileno()).st_size]), 1):
        with spool(_blocks(file, begin, end)) as part:
            try:
                for frame in _sound(part, first.rate if first else rate, mono):
                    first = first or frame
                    if frame.channels != first.channels:
                        counts = f"part {number} has {frame.channels} channels, part 1 has"
                        raise AudioError(f"{counts} {first.channels}: give --mono")
                    if not frame.is_end:
                        yield frame
            except CutShortError as error:
                cut = error
    assert first
    yield Frame(first.rate, b"", first.channels)
    if cut:
        raise cut


def _blocks(file: IO[bytes], begin: int, end: int) -> Iterator[bytes]:
    for at in range(begin, end, BLOCK):
        yield os.pread(file.fileno(), min(BLOCK, end - at), at)


def _sound(file: IO[bytes], rate: int | None, mono: bool) -> Iterator[Frame]:
    """As `read`; of a chained Ogg file the first part."""
    import soundfile

    said = announced(file.fileno())
    try:
        with _mended(file, said) as file:
            with _quiet():
                opened = soundfile.SoundFile(file.fileno(), closefd=False)
            told = opened.format != "MP3" or not estimated(file.fileno())
            if not told:
                opened.close()
                file.seek(0)
                with _quiet():
                    opened = soundfile.SoundFile(_Endless(file))
            with opened as sound:
                sound.seekable = lambda: False  # else it seeks at each piece, which upsets MP3
                missing = _missing(said, os.fstat(file.fileno()).st_size, sound.frames)
                unread = None if told else partial(_unread, file)
                yield from _Reading(sound, rate, mono, missing, unread).frames()
    except soundfile.LibsndfileError as error:
        raise AudioError(_reason(error)) from None


def _unread(file: IO[bytes]) -> str:
    """What is to be said if something is left: of an MP3 libsndfile reads no further than to where
    the rate or the channels change, or where it finds no frame, and says nothing."""
    at, end = file.tell(), os.fstat(file.fileno()).st_size
    rest = os.pread(file.fileno(), 4 * REACH, max(at - 3 * REACH, 0))
    if end - at <= REACH or any(tag in rest for tag in TAGS):
        return ""
    return f"read to byte {at} of {end} bytes: what follows is damaged, or of another rate"


class _Endless:
    """A file that says that it is very long: of an MP3 that does not tell its length libsndfile
    reads as much as it guesses from the first frame and the size."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.tell = file.tell

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_END:
            return self._file.seek(LONG + offset)
        return self._file.seek(offset, whence)

    def read(self, count: int) -> bytes:
        """At the end, where a tag would be, there is none."""
        return bytes(count) if self.tell() >= LONG - TAG else self._file.read(count)


@contextlib.contextmanager
def _mended(file: IO[bytes], said: Announced | None) -> Iterator[IO[bytes]]:
    """The file, or where libsndfile would not understand its header, a copy with another."""
    if not (said and said.mend):
        yield file
        return
    at, header = said.mend
    with spool(_blocks(file, 0, os.fstat(file.fileno()).st_size)) as copy:
        copy.seek(at)
        copy.write(header)
        copy.seek(0)
        yield copy


def _missing(said: Announced | None, end: int, samples: int) -> str:
    """What is to be said if there is less than announced. One sample is no matter: sox at times
    announces one too many when it resamples into a pipe."""
    if not said or said.size is None:
        return ""
    there = max(end - said.begin, 0)
    lacking = said.size - there
    if lacking <= 0 or lacking * max(samples, 1) == there:
        return ""
    return f"cut short: {there} of {said.size} bytes"


def _reason(error: Any) -> str:
    return str(error.error_string).rstrip(".")


class _Reading:
    """`missing`: what to say of it at the end; `unread`: the same of what does not tell its own
    length, when all is read."""

    def __init__(
        self,
        sound: Any,
        rate: int | None,
        mono: bool,
        missing: str,
        unread: Callable[[], str] | None = None,
    ) -> None:
        self._sound = sound
        self._unread = unread
        self._missing = missing
        self._mono = mono
        self._rate = rate or sound.samplerate
        self._channels = 1 if mono else sound.channels
        if self._rate not in RATES:
            limits = f"{RATES.start} to {RATES.stop - 1}"
            raise AudioError(f"{self._rate} Hz is outside {limits}: give --rate")
        if self._channels not in CHANNELS:
            raise AudioError(f"{self._channels} channels, more than {CHANNELS[-1]}: give --mono")
        self._resample = Resample(sound.samplerate, self._rate, self._channels)

    def frames(self) -> Iterator[Frame]:
        for piece in self._pieces():
            yield from self._frames(self._resample.push(piece))
        yield from self._frames(self._resample.flush())
        yield Frame(self._rate, b"", self._channels)
        if self._missing:
            raise CutShortError(self._missing)

    def _pieces(self) -> Iterator[Samples]:
        size, length = round(PIECE * self._sound.samplerate) or 1, 0
        while len(piece := self._read(size)):
            length += len(piece)
            yield piece.mean(axis=1, keepdims=True) if self._mono else piece
        if self._unread:
            self._missing = self._unread()
        elif length < self._sound.frames < UNKNOWN:
            self._missing = f"cut short: {length} of {self._sound.frames} samples"

    def _read(self, count: int) -> Samples:
        """The next samples; at a place that cannot be read, those before it."""
        import soundfile

        piece: Samples = np.full((count, self._sound.channels), np.nan, np.float32)
        try:
            with _quiet():
                piece = self._sound.read(out=piece)
        except soundfile.LibsndfileError as error:
            self._missing = f"cut short or damaged: {_reason(error)}"
            piece = piece[: np.isnan(piece[:, 0]).argmax()]
        return piece

    def _frames(self, samples: Samples) -> Iterator[Frame]:
        if not np.isfinite(samples).all():
            raise AudioError("a sample is not a finite number")
        return frames(samples, self._rate, self._channels)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What mpg123, within libsndfile, writes to stderr about a damaged file is kept from the user,
    who is told of it by an error."""
    stderr = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(null)
