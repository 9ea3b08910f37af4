"""PCM0: float32 audio in self-describing binary frames (mlxtts-pcm0(5)).

    b'PCM0' | u32 sample_rate | u32 num_samples | u32 num_channels | float32 payload, interleaved

Little-endian throughout. A frame of no samples marks the end of an utterance.
"""

from __future__ import annotations

import math
import struct
import sys
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mlxtts.errors import Pcm0Error

MAGIC = b"PCM0"
HEADER = struct.Struct("<4sIII")
RATES = range(8_000, 192_001)
CHANNELS = range(1, 9)
MAX_SAMPLES = 1 << 24
BAD_MAGIC = "no PCM0 frame begins here"


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: `payload` holds little-endian float32, samples of all channels interleaved."""

    rate: int
    payload: bytes = b""
    channels: int = 1

    @property
    def num_samples(self) -> int:
        """Samples per channel."""
        return len(self.payload) // (4 * self.channels)

    @property
    def is_end(self) -> bool:
        """True for the frame that ends an utterance."""
        return not self.payload


def encode(frame: Frame) -> bytes:
    """The bytes of one frame. Raises ValueError for a frame that no reader would accept."""
    samples, rest = divmod(len(frame.payload), 4 * frame.channels)
    if rest:
        raise ValueError(
            f"{len(frame.payload)} bytes are no whole number of {frame.channels}-channel samples"
        )
    if reason := _refusal(MAGIC, frame.rate, samples, frame.channels):
        raise ValueError(reason)
    return HEADER.pack(MAGIC, frame.rate, samples, frame.channels) + frame.payload


def encode_end(rate: int, channels: int = 1) -> bytes:
    """The bytes of the mark that ends an utterance."""
    return encode(Frame(rate, b"", channels))


class Reader:
    """Push parser: `feed` returns an iterator over the frames completed by the bytes given.

    It raises Pcm0Error, with a byte offset counted from the first byte ever fed, for a bad magic, a
    rate, channel count or length out of range, samples that are not finite, and (from `close`) a
    frame cut short. Nothing is allocated for a length that the stream merely announces.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._offset = 0  # of the first byte in the buffer

    def feed(self, data: bytes) -> Iterator[Frame]:
        self._buffer += data
        return self._frames()

    def close(self) -> None:
        """Say that the stream has ended."""
        if not self._buffer:
            return
        self._check_magic()
        wanted = HEADER.size
        if len(self._buffer) >= wanted:
            _, _, samples, channels = HEADER.unpack_from(self._buffer)
            wanted += 4 * samples * channels
        raise Pcm0Error(self._offset, f"frame cut short: {len(self._buffer)} of {wanted} bytes")

    def read(self, stream: Iterable[bytes]) -> Iterator[Frame]:
        """All frames of a stream, which must have some."""
        for data in stream:
            yield from self.feed(data)
        self.close()
        if not self._offset:
            raise Pcm0Error(0, "the stream is empty")

    def _frames(self) -> Iterator[Frame]:
        while len(self._buffer) >= HEADER.size:
            magic, rate, samples, channels = HEADER.unpack_from(self._buffer)
            if reason := _refusal(magic, rate, samples, channels):
                raise Pcm0Error(self._offset, reason)
            size = HEADER.size + 4 * samples * channels
            if len(self._buffer) < size:
                return
            payload = bytes(self._buffer[HEADER.size : size])
            if not _all_finite(payload):
                raise Pcm0Error(self._offset, "a sample is not a finite number")
            del self._buffer[:size]
            self._offset += size
            yield Frame(rate, payload, channels)
        self._check_magic()

    def _check_magic(self) -> None:
        """Refuse a stream of something else at its first wrong byte, not only when a whole header
        came."""
        head = bytes(self._buffer[: len(MAGIC)])
        if not MAGIC.startswith(head):
            raise Pcm0Error(self._offset, BAD_MAGIC)


def utterances(frames: Iterable[Frame]) -> Iterator[Iterator[Frame]]:
    """The frames of each utterance, its end included, as one iterator after another. Each must be
    exhausted before the next is asked for."""
    frames = iter(frames)

    def utterance(frame: Frame) -> Iterator[Frame]:
        yield frame
        while not frame.is_end:
            following = next(frames, None)
            if following is None:
                return
            frame = following
            yield frame

    for frame in frames:
        yield utterance(frame)


def _refusal(magic: bytes, rate: int, samples: int, channels: int) -> str | None:
    if magic != MAGIC:
        return BAD_MAGIC
    if rate not in RATES:
        return f"sample rate {rate} Hz is outside {RATES.start}..{RATES.stop - 1}"
    if channels not in CHANNELS:
        return f"{channels} channels are outside {CHANNELS.start}..{CHANNELS.stop - 1}"
    if samples > MAX_SAMPLES:
        return f"{samples} samples are more than {MAX_SAMPLES} in one frame"
    return None


def _all_finite(payload: bytes) -> bool:
    """A sum in double precision is finite exactly when each float32 is: 2^27 of them cannot
    overflow it."""
    samples = array("f", payload)
    if sys.byteorder == "big":
        samples.byteswap()
    return math.isfinite(sum(samples))
