"""PCM0 frames as the bytes of one sound file that grows, for whoever wants bytes and not frames."""

from __future__ import annotations

from mlxtts.audio import files
from mlxtts.audio.recording import Recording
from mlxtts.wire.pcm0 import Frame

TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}
"""The formats that players take without an end, and their media types."""


class Live:
    """What each frame adds to a file of this format; rates as in Recording, in no file."""

    fd: int | None = None

    def __init__(self, format: str) -> None:
        self._written: list[bytes] = []
        self._recording = Recording(self, format, files.subtype_of(format, None))

    def push(self, frame: Frame) -> bytes:
        """Raises AudioError for a frame that has not as many channels as the first."""
        self._recording.write(frame)
        return self._take()

    def close(self) -> bytes:
        """The rest, when no more frames come."""
        self._recording.close()
        return self._take()

    def write(self, data: bytes) -> None:
        """For the recording."""
        self._written.append(data)

    def _take(self) -> bytes:
        data = b"".join(self._written)
        self._written.clear()
        return data
