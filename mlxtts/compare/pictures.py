"""Pictures of sound for a page: paths of an SVG, and images as PNG.

They have colours of their own that show on light and on dark, or none, which the page gives them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np

from mlxtts.api.speech import Array

COLUMNS = 1000
HEIGHT = 100  # of a path
BANDS = 160
WINDOW = 0.03  # seconds
QUIET, LOUD = -105.0, -25.0  # dB, the range of a spectrogram's colours
COLOURS = ((70, 80, 200), (150, 60, 190), (225, 60, 110), (245, 120, 40), (250, 180, 30))


def waveform(sound: Array, columns: int = COLUMNS) -> str:
    """The path around a sound, from its highest to its lowest in each column; full scale fills
    HEIGHT."""
    high = [(1 - part.max()) * HEIGHT / 2 for part in _parts(sound, columns)]
    low = [(1 - part.min()) * HEIGHT / 2 for part in _parts(sound, columns)]
    there = enumerate(high)
    back = ((len(low) - 1 - n, y) for n, y in enumerate(reversed(low)))
    return _path([*there, *back]) + "Z"


def level(sound: Array, columns: int = COLUMNS, floor: float = -140.0) -> str:
    """The path over the level of a sound in dB, from `floor` to full scale; empty for none."""
    if not np.any(sound):
        return ""
    peaks = np.array([np.abs(part).max() for part in _parts(sound, columns)], np.float64)
    decibels = 20 * np.log10(np.maximum(peaks, 10 ** (floor / 20)))
    heights = np.minimum(decibels / floor, 1) * HEIGHT
    return _path([(0, HEIGHT), *enumerate(heights), (len(heights) - 1, HEIGHT)]) + "Z"


def ticks(places: Sequence[int], length: int, columns: int = COLUMNS) -> str:
    """The path of upright lines at some of so many samples."""
    return "".join(f"M{place * columns / max(length, 1):.2f} 0V{HEIGHT}" for place in places)


def steps(times: Sequence[float], ends: Sequence[float]) -> list[tuple[float, float]]:
    """The corners of what has come by a time, if so much has come at each."""
    corners = []
    before = 0.0
    for time, end in zip(times, ends, strict=True):
        corners += [(time, before), (time, end)]
        before = end
    return corners


def spectrogram(sound: Array, rate: int, columns: int = COLUMNS) -> bytes:
    """A PNG, time to the right and frequency upward, as ears divide it (mels), up to half the
    rate. Silence is transparent."""
    size = 1 << int(WINDOW * rate).bit_length()
    padded = np.pad(sound, size // 2)
    starts = np.linspace(0, max(len(sound) - 1, 0), columns).astype(int)
    frames = padded[starts[:, None] + np.arange(size)] * np.hanning(size)
    power = np.square(np.abs(np.fft.rfft(frames, axis=1)) * 2 / size)
    bands = power @ _mels(size, rate).T
    decibels = 10 * np.log10(np.maximum(bands, 1e-12))
    shades = np.clip((decibels - QUIET) / (LOUD - QUIET), 0, 1) * 255
    return _png(shades.T[::-1].astype(np.uint8))


def _mels(size: int, rate: int) -> np.ndarray:
    """Which share of each frequency a band gets, (BANDS, size // 2 + 1): a triangle each."""
    edges = 700 * (10 ** (np.linspace(0, _mel(rate / 2), BANDS + 2) / 2595) - 1)
    width = np.maximum(np.diff(edges), 1.5 * rate / size)  # a band has something of some frequency
    places = np.fft.rfftfreq(size, 1 / rate)
    offsets = places - edges[1:-1, None]
    rising, falling = 1 + offsets / width[:-1, None], 1 - offsets / width[1:, None]
    shares = np.maximum(np.minimum(rising, falling), 0)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _mel(frequency: float) -> float:
    return 2595 * float(np.log10(1 + frequency / 700))


def _parts(sound: Array, columns: int) -> list[Array]:
    return np.array_split(sound, min(columns, max(len(sound), 1))) if len(sound) else []


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.5g} {y:.4g}" for x, y in points)


def _png(shades: np.ndarray) -> bytes:
    """An image of 256 colours, the first of them transparent."""
    height, width = shades.shape
    rows = np.pad(shades, ((0, 0), (1, 0))).tobytes()  # each begins with its filter: none
    ramp = np.linspace(0, len(COLOURS) - 1, 256)
    palette = [np.interp(ramp, range(len(COLOURS)), part) for part in zip(*COLOURS, strict=True)]
    alpha = np.clip(np.linspace(0, 2, 256), 0, 1) * 255
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(name, data)
        for name, data in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            (b"PLTE", np.stack(palette, axis=1).astype(np.uint8).tobytes()),
            (b"tRNS", alpha.astype(np.uint8).tobytes()),
            (b"IDAT", zlib.compress(rows, 9)),
            (b"IEND", b""),
        )
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    checked = name + data
    return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))
