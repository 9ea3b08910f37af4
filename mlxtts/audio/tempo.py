"""Faster or slower speech at the same pitch: WSOLA (Verhelst and Roelands, 1993), streaming.

The output is made of pieces of the input, each a hop long, that are read at the new speed. A piece
is not taken from just where it is due but from within a few milliseconds, where the input is most
like what would have followed the piece before; so they join in phase, faded into each other.

Everything is decided by positions in the utterance, counted in samples, never by how it was cut
into frames: the same sound gives the same samples.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mlxtts.audio.resample import Samples
from mlxtts.audio.smooth import crossfade
from mlxtts.errors import UsageError

SLOWEST, FASTEST = 0.5, 2.0
HOP = 0.0125  # seconds of output that a piece makes; all of it fades into the next
SEARCH = 0.008  # seconds to either side of where it is due; twice that is a period of a low voice
NEARER = 1e-3  # of likeness, for a piece that is due just there against one at the search's edge


class Tempo:
    """The filter (see filters.Filter) that speaks `factor` times as fast, 0.5 to 2. Of n samples it
    makes n / factor, rounded, and begins and ends as it did. 1 changes nothing."""

    def __init__(self, factor: float) -> None:
        if not SLOWEST <= factor <= FASTEST:
            raise UsageError(f"a tempo must be {SLOWEST:g} to {FASTEST:g}, not {factor:g}")
        self._factor = factor
        self.start(1, 1)

    def start(self, rate: int, channels: int) -> None:
        self._hop = max(1, round(HOP * rate))
        self._search = round(SEARCH * rate)
        self._wait = max(self._search + 2 * self._hop, int((1 + self._factor) * self._hop) + 1)
        """How far the input must reach beyond where a piece is due."""
        self._input = np.zeros((0, channels), np.float32)
        self._from = 0  # the position in the utterance of the input's first sample
        self._pieces = 0  # that have left
        self._next = 0  # the position after the last of them

    def push(self, samples: Samples) -> Samples:
        if self._factor == 1:
            return samples
        self._input = np.concatenate([self._input, samples])
        made = [self._input[:0]]
        while self._due + self._wait <= self._end:
            made.append(self._piece())
        self._forget()
        return np.concatenate(made)

    def flush(self) -> Samples:
        if self._end < 2 * self._hop:
            return self._squeezed()
        made = []
        while self._left > 2 * self._hop:
            made.append(self._piece())
        return np.concatenate([*made, self._last()])

    @property
    def _end(self) -> int:
        """The position after the input that has come."""
        return self._from + len(self._input)

    @property
    def _due(self) -> int:
        """Where the next piece would begin if there were no search: what is in its middle, where
        it is heard alone, leaves at its time."""
        return round((self._pieces + 1) * self._hop * self._factor) - self._hop

    @property
    def _left(self) -> int:
        """How many samples are still to leave if no more come."""
        return round(self._end / self._factor) - self._pieces * self._hop

    def _read(self, at: int, count: int) -> Samples:
        return self._input[at - self._from : at - self._from + count]

    def _piece(self) -> Samples:
        """A hop of output: from what follows the last piece into the next one."""
        old = self._read(self._next, self._hop)
        at = self._best(old) if self._pieces else 0
        self._pieces += 1
        self._next = at + self._hop
        return crossfade(old, self._read(at, self._hop))

    def _last(self) -> Samples:
        """What is left, at most two hops: its last sample is the input's."""
        end = self._read(self._end - self._left, self._left)
        old = self._read(self._next, min(self._hop, self._left - 1))
        return np.concatenate([crossfade(old, end[: len(old)]), end[len(old) :]])

    def _best(self, old: Samples) -> int:
        """The position near where the next piece is due at which the input is most like `old`. What
        follows the piece must have come, too."""
        last = min(self._due + self._search, self._end - 2 * self._hop)
        first = max(last - 2 * self._search, 0)
        region = self._read(first, last - first + self._hop)
        off = (np.arange(first, last + 1) - self._due) / max(1, self._search)
        return first + int(np.argmax(likeness(region, old) - NEARER * off**2))

    def _forget(self) -> None:
        """Keep what a piece may still be taken from, also at the end, where all are due earlier."""
        keep = min(self._next, max(self._due - 2 * (self._search + self._hop), 0))
        self._input = self._input[keep - self._from :].copy()
        self._from = keep

    def _squeezed(self) -> Samples:
        """A sound too short for two pieces, which has hardly a pitch: simply stretched."""
        count = self._left
        if not count:
            return self._input[:0]
        at = np.linspace(0, len(self._input) - 1, count)
        channels = [np.interp(at, np.arange(len(self._input)), x) for x in self._input.T]
        return np.stack(channels, axis=1).astype(np.float32)


def likeness(region: Samples, old: Samples) -> npt.NDArray[np.float64]:
    """The correlation of `old` with each stretch of `region` of its length, -1 to 1; 0 where one of
    them is silent. By Fourier transform, for wide searches at high rates."""
    region, old = region.astype(np.float64), old.astype(np.float64)
    size = 1 << (len(region) - 1).bit_length()
    spectrum = np.fft.rfft(region, size, axis=0) * np.fft.rfft(old, size, axis=0).conj()
    products = np.fft.irfft(spectrum.sum(axis=1), size)[: len(region) - len(old) + 1]
    sums = np.concatenate([[0], np.cumsum((region**2).sum(axis=1))])
    energy = (sums[len(old) :] - sums[: -len(old)]) * (old**2).sum()
    audible = energy > 1e-12 * max(energy.max(), 1e-300)
    return np.where(audible, products / np.sqrt(np.where(audible, energy, 1)), 0)
