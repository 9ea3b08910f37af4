"""PCM0 frames to a loudspeaker, through PortAudio.

The callback runs on PortAudio's thread and must not wait: it takes chunks from a deque, whose ends
two threads may use without a lock, and plays silence when there are none.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from mlxtts.audio.resample import Resample, Samples
from mlxtts.errors import AudioError, MlxttsError
from mlxtts.wire.pcm0 import Frame

AHEAD = 10.0  # seconds to hold at most; who writes more waits
TICK = 0.01
LEAD_IN, LEAD_OUT = 0.03, 0.1  # seconds of silence, because devices swallow both ends of a sound


class Queue:
    """Samples from the thread that writes to the one that plays."""

    def __init__(self) -> None:
        self._chunks: deque[Samples] = deque()
        self._written = self._played = 0
        self.flowing = False
        """Until this is set, only silence is played."""
        self.filling = False
        """Between utterances, and until the first, an empty queue is no underrun."""
        self.underruns = 0
        self.silence = 0
        """How many samples of silence were played in underruns."""

    @property
    def waiting(self) -> int:
        return self._written - self._played

    def write(self, samples: Samples) -> None:
        self._chunks.append(samples)
        self._written += len(samples)

    def play(self, out: Samples) -> None:
        """Fill `out`, with silence where there are no samples."""
        filled = 0
        while self.flowing and filled < len(out) and self._chunks:
            chunk = self._chunks.popleft()
            count = min(len(chunk), len(out) - filled)
            out[filled : filled + count] = chunk[:count]
            if count < len(chunk):
                self._chunks.appendleft(chunk[count:])
            filled += count
        self._played += filled
        out[filled:] = 0
        if self.flowing and self.filling and filled < len(out):
            self.underruns += filled > 0
            self.silence += len(out) - filled


class Player:
    """Plays what is written. The device is opened with the first frame's rate and channels; what
    comes later is resampled, and mono is spread over the channels.

    As a context manager it plays all of it, also what came before an error of mlxtts's or the
    system's, or stops at once if another exception passes.

    device: a number or a part of its name, see `devices`; None for the default.
    buffer: seconds to have before playing begins.
    """

    def __init__(self, device: str | int | None = None, buffer: float = 0.1) -> None:
        self._device = device
        self._buffer = buffer
        self._queue = Queue()
        self._stream: Any = None
        self._source: tuple[int, int] | None = None
        self._resample: Resample | None = None
        self._rate = self._channels = 0

    def __enter__(self) -> Player:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or issubclass(kind, (MlxttsError, OSError)):
            self.close()
        else:
            self.abort()

    def write(self, frame: Frame) -> None:
        """Queue a frame; waits while there is much to play. Raises AudioError if there is no such
        device, or for channels that it does not have."""
        if self._stream is None:
            self._open(frame)
        self._adapt(frame)
        assert self._resample
        if frame.is_end:
            self._put(self._resample.flush())
            self._queue.filling = False
            self._queue.flowing = True
            return
        self._put(self._resample.push(self._spread(frame)))
        self._queue.filling = True
        if self._queue.waiting >= self._buffer * self._rate:
            self._queue.flowing = True
        while self._queue.waiting > AHEAD * self._rate:
            time.sleep(TICK)

    def close(self) -> None:
        """Play what is left and stop."""
        if self._stream is None:
            return
        assert self._resample
        self._put(self._resample.flush())
        self._queue.filling = False
        self._queue.flowing = True
        while self._queue.waiting > 0:
            time.sleep(TICK)
        time.sleep(self._stream.latency + LEAD_OUT)
        self._stream.stop()
        self._stream.close()

    def abort(self) -> None:
        """Stop at once."""
        if self._stream is not None:
            self._stream.abort()
            self._stream.close()

    @property
    def device(self) -> str:
        """The name of the device and its rate."""
        import sounddevice as sd

        name = sd.query_devices(self._stream.device)["name"]
        return f"{name} at {self._rate} Hz"

    @property
    def underruns(self) -> tuple[int, float]:
        """How often samples came too late, and the seconds of silence that this made."""
        return self._queue.underruns, self._queue.silence / max(1, self._rate)

    def _open(self, frame: Frame) -> None:
        with _portaudio() as sd:
            for rate in (frame.rate, None):
                try:
                    self._stream = sd.OutputStream(
                        samplerate=rate,
                        channels=frame.channels,
                        dtype="float32",
                        device=self._device,
                        callback=lambda out, *_: self._queue.play(out),
                    )
                    break
                except sd.PortAudioError:
                    if rate is None:
                        raise
        self._rate = round(self._stream.samplerate)
        self._channels = frame.channels
        self._put(np.zeros((round(LEAD_IN * self._rate), self._channels), np.float32))
        self._stream.start()

    def _adapt(self, frame: Frame) -> None:
        if self._source == (frame.rate, frame.channels):
            return
        if frame.channels not in (1, self._channels):
            raise AudioError(f"{frame.channels} channels after {self._channels}")
        if self._resample:
            self._put(self._resample.flush())
        self._source = frame.rate, frame.channels
        self._resample = Resample(frame.rate, self._rate, self._channels)

    def _spread(self, frame: Frame) -> Samples:
        samples = np.frombuffer(frame.payload, "<f4").reshape(-1, frame.channels)
        return np.broadcast_to(samples, (len(samples), self._channels)).astype(np.float32)

    def _put(self, samples: Samples) -> None:
        if len(samples):
            self._queue.write(samples)


def aloud(frames: Iterable[Frame], player: Player, *, whole: bool) -> Iterator[Frame]:
    """The same frames, played on their way: at once, or each utterance when it is `whole`."""
    held: list[Frame] = []
    for frame in frames:
        held.append(frame)
        if not whole or frame.is_end:
            for one in held:
                player.write(one)
            held.clear()
        yield frame
    for one in held:
        player.write(one)


def devices() -> str:
    """A list of the devices that can play, with their numbers. Raises AudioError if none can."""
    with _portaudio() as sd:
        found = [(at, d) for at, d in enumerate(sd.query_devices()) if d["max_output_channels"]]
        if not found:
            raise AudioError(NO_DEVICE)
        default = sd.default.device[1]
        return "\n".join(f"{'*' if at == default else ' '} {at} {d['name']}" for at, d in found)


NO_DEVICE = (
    "no sound device found; `mlxtts-wav -o FILE` writes a file instead, "
    "and over ssh the sound can be played at the other end"
)


_ignore = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int)(
    lambda *_: None
)
"""What ALSA calls with an error's file, line, function and number."""


def _quiet_alsa() -> None:
    """ALSA says on stderr, whenever it likes, that it ran dry; the player tells that itself."""
    with contextlib.suppress(OSError, AttributeError):  # not the system's way to the loudspeaker
        ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(_ignore)


@contextlib.contextmanager
def _portaudio() -> Iterator[Any]:
    """The sounddevice module, with its errors as AudioError. While devices are looked for, ALSA and
    others write about what they do not find to stderr; that is kept from the user."""
    stderr = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        try:
            import sounddevice as sd

            _quiet_alsa()
        except OSError:
            raise AudioError(
                "the PortAudio library is not installed: "
                "apt install libportaudio2, or brew install portaudio"
            ) from None
        try:
            yield sd
        except sd.PortAudioError as error:
            nothing = not any(d["max_output_channels"] for d in sd.query_devices())
            raise AudioError(NO_DEVICE if nothing else str(error.args[0])) from None
        except ValueError as error:  # no device of that name
            raise AudioError(str(error)) from None
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(null)
