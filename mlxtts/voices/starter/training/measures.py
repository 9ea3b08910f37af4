"""How far one recording of an utterance is from another: spectrum, pitch, level, clicks. NumPy
only.

Recordings are (T,) at 24 kHz; frames are 10 ms apart. Where durations differ, frames are paired by
dynamic time warping first.
"""

from itertools import pairwise

import numpy as np

RATE = 24000
HOP = 240
SIZE = 960
FLOOR = 1e-4  # -80 dB of full scale


def frames(audio):
    """Overlapping windows (n, SIZE) around every HOP samples."""
    padded = np.pad(np.asarray(audio, np.float64), (SIZE // 2, SIZE))
    count = len(audio) // HOP + 1
    return np.lib.stride_tricks.sliding_window_view(padded, SIZE)[::HOP][:count]


def log_spectra(audio):
    """Log magnitude in dB up to 8 kHz (n, bins), floor at -80 dB."""
    window = np.hanning(SIZE) * 4 / SIZE
    magnitude = np.abs(np.fft.rfft(frames(audio) * window, axis=1))[
        :, : int(8000 / RATE * SIZE) + 1
    ]
    return 20 * np.log10(magnitude + FLOOR)


def bands(spectra, count=24):
    """Log spectra averaged in ``count`` bands that widen with frequency: what warping compares."""
    edge = np.unique(np.round(np.geomspace(4, spectra.shape[1], count + 1)).astype(int))
    return np.stack([spectra[:, a:b].mean(1) for a, b in pairwise(edge)], 1)


def warp(a, b):
    """Index pairs (k, 2) of the cheapest monotonic path through bands a (n, d) and b (m, d)."""
    cost = np.sqrt(np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T, 0))
    n, m = cost.shape
    total = np.full((n + 1, m + 1), np.inf)
    total[0, 0] = 0
    for s in range(2, n + m + 1):  # one anti-diagonal at a time
        i = np.arange(max(1, s - m), min(n, s - 1) + 1)
        j = s - i
        best = np.minimum(np.minimum(total[i - 1, j], total[i, j - 1]), total[i - 1, j - 1])
        total[i, j] = cost[i - 1, j - 1] + best
    path, i, j = [], n, m
    while i > 0 and j > 0:
        path.append((i - 1, j - 1))
        step = np.argmin((total[i - 1, j - 1], total[i - 1, j], total[i, j - 1]))
        i, j = i - (step != 2), j - (step != 1)
    return np.array(path[::-1])


def pitch(audio, low=60.0, high=400.0):
    """Fundamental frequency in Hz (n,), 0 where unvoiced, by normalised autocorrelation."""
    x = frames(audio)
    x = x - x.mean(1, keepdims=True)
    power = np.abs(np.fft.rfft(x, 2 * SIZE, axis=1)) ** 2
    correlation = np.fft.irfft(power, axis=1)[:, :SIZE]
    overlap = 1 - np.arange(SIZE) / SIZE
    correlation = correlation / (correlation[:, :1] + 1e-9) / np.maximum(overlap, 0.2)
    shortest, longest = int(RATE / high), int(RATE / low)
    search = correlation[:, shortest : longest + 1]
    peak = search.max(1)
    first = np.argmax(
        search > 0.9 * peak[:, None], axis=1
    )  # the shortest good period, not a multiple of it
    lag = (
        first
        + np.array([np.argmax(row[f : f + 24]) for row, f in zip(search, first, strict=True)])
        + shortest
    )
    loud = np.sqrt((x**2).mean(1)) > 0.01
    return np.where((peak > 0.6) & loud, RATE / lag, 0.0)


def compare(reference, other):
    """Distances of two recordings: dict of ``spectrum`` (dB), ``pitch`` (cents), ``voicing`` (share
    of frames).
    """
    a, b = log_spectra(reference), log_spectra(other)
    if len(reference) == len(other):
        pairs = np.stack([np.arange(len(a))] * 2, 1)
    else:
        pairs = warp(bands(a), bands(b))
    a, b = a[pairs[:, 0]], b[pairs[:, 1]]
    heard = a.max(1) > -60  # frames with sound in them
    pa, pb = pitch(reference)[pairs[:, 0]], pitch(other)[pairs[:, 1]]
    voiced = (pa > 0) & (pb > 0)
    cents = 1200 * np.abs(np.log2(pb[voiced] / pa[voiced])) if voiced.any() else np.zeros(1)
    return {
        "spectrum": float(np.sqrt(((a - b)[heard] ** 2).mean(1)).mean()) if heard.any() else 0.0,
        "pitch": float(np.median(cents)),
        "voicing": float(((pa > 0) != (pb > 0))[heard].mean()) if heard.any() else 0.0,
    }


def steps(audio):
    """Largest jump between neighbouring samples, relative to the peak: a click shows here."""
    audio = np.asarray(audio, np.float64)
    return (
        float(np.abs(np.diff(audio)).max() / max(np.abs(audio).max(), 1e-6))
        if len(audio) > 1
        else 0.0
    )
