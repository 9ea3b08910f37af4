"""Sound files: WAV and raw PCM are ours, FLAC, Ogg and Opus libsndfile's, MP3 LAME's.

All of them can be written to a pipe.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from mlxtts.audio import wav
from mlxtts.audio.resample import Samples
from mlxtts.audio.sink import Sink, Spool
from mlxtts.errors import AudioError, OptionError, UsageError

PCM = tuple(wav.SUBTYPES)
SUBTYPES = {
    "wav": PCM,
    "raw": PCM,
    "flac": ("PCM_16", "PCM_24"),
    "ogg": ("VORBIS",),
    "opus": ("OPUS",),
    "mp3": ("MPEG_LAYER_III",),
}
"""For each format what its samples can be stored as, the default first."""
RATES = {
    "opus": (8_000, 12_000, 16_000, 24_000, 48_000),
    "mp3": (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
}
SUFFIXES = {f".{name}": name for name in SUBTYPES} | {".pcm": "raw", ".oga": "ogg"}


class Writer(Protocol):
    def write(self, samples: Samples) -> None: ...

    def close(self) -> None: ...


def format_of(path: str) -> str:
    """The format that a file name's suffix means. Raises UsageError."""
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{path}: no format has the suffix {suffix!r}; give --format")
    return SUFFIXES[suffix]


def form_of(path: str | None, format: str | None, subtype: str | None = None) -> tuple[str, str]:
    """Format and subtype: as given, or by the suffix of `path`; WAV for a pipe, which is None or
    `-`. Raises UsageError."""
    if format is None:
        format = "wav" if path in (None, "-") else format_of(path)
    if format not in SUBTYPES:
        raise UsageError(f"format {format!r}: must be {', '.join(SUBTYPES)}")
    return format, subtype_of(format, subtype)


def subtype_of(format: str, name: str | None) -> str:
    """The format's own subtype, or the one asked for if it has it. Raises UsageError."""
    choices = SUBTYPES[format]
    subtype = choices[0] if name is None else name.upper()
    if subtype not in choices:
        raise OptionError("subtype", f"{format} has {', '.join(choices)}", name)
    return subtype


def rate_for(format: str, rate: int) -> int:
    """The rate itself if the format can have it, else the next higher one, or its highest."""
    rates = RATES.get(format, (rate,))
    return next((possible for possible in rates if possible >= rate), rates[-1])


def open_writer(sink: Sink, format: str, subtype: str, rate: int, channels: int) -> Writer:
    """Raises AudioError if the format cannot have this rate or so many channels."""
    if rate_for(format, rate) != rate:
        raise AudioError(
            f"{format} cannot have {rate} Hz, only {', '.join(map(str, RATES[format]))}"
        )
    if format in ("wav", "raw"):
        return wav.PcmWriter(sink, rate, channels, subtype, format == "wav")
    if format == "mp3":
        return Mp3Writer(sink, rate, channels)
    return SoundFileWriter(sink, format, subtype, rate, channels)


class SoundFileWriter:
    """What libsndfile corrects in a header at the end is for the length alone: a pipe does
    without."""

    def __init__(self, sink: Sink, format: str, subtype: str, rate: int, channels: int) -> None:
        import soundfile

        self._sink = sink
        self._spool = Spool()
        container = "OGG" if format == "opus" else format.upper()
        try:
            self._file = soundfile.SoundFile(
                self._spool, "w", rate, channels, format=container, subtype=subtype
            )
        except soundfile.LibsndfileError as error:
            raise AudioError(f"{format}: {error.error_string}") from None

    def write(self, samples: Samples) -> None:
        self._file.write(samples)
        self._spool.drain(self._sink)

    def close(self) -> None:
        self._file.close()
        self._spool.drain(self._sink)


class Mp3Writer:
    """Constant bit rate, so that a player knows a stream's length from its size."""

    KBIT_PER_CHANNEL = 64

    def __init__(self, sink: Sink, rate: int, channels: int) -> None:
        import lameenc

        if channels > 2:
            raise AudioError(f"mp3 cannot have {channels} channels, only 1 or 2")
        self._sink = sink
        self._encoder = lameenc.Encoder()
        self._encoder.set_in_sample_rate(rate)
        self._encoder.set_channels(channels)
        self._encoder.set_bit_rate(self.KBIT_PER_CHANNEL * channels)
        self._encoder.set_quality(2)

    def write(self, samples: Samples) -> None:
        if len(samples):
            self._sink.write(bytes(self._encoder.encode(wav.pcm(samples, "PCM_16"))))

    def close(self) -> None:
        self._sink.write(bytes(self._encoder.flush()))
