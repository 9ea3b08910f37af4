"""What can be measured of a sound beside another, and of its seams. Knows samples alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlxtts.api.speech import Array

NEAR = 0.008  # seconds around a sample whose steps are what is usual there
STEP = 10.0  # times as steep as is usual there: a click; speech has them from 10 or so
FLOOR = 10 ** (-50 / 20)  # a step that is smaller is not heard
APART = 0.005  # seconds; steps that are nearer together are one click


@dataclass(frozen=True)
class Difference:
    """A sound beside a baseline, as far as both go.

    snr: energy of the baseline over that of the difference, in dB; None if there is no difference.
    largest: the largest difference of two samples; 0: the same bit for bit.
    longer: by so many samples.
    """

    snr: float | None
    largest: float
    longer: int

    @property
    def same(self) -> bool:
        return self.largest == 0 and self.longer == 0


def difference(sound: Array, baseline: Array) -> Difference:
    count = min(len(sound), len(baseline))
    reference = baseline[:count].astype(np.float64)
    error = sound[:count] - reference
    longer = len(sound) - len(baseline)
    noise = float(np.square(error).sum())
    if not noise:
        return Difference(None, 0.0, longer)
    signal = max(float(np.square(reference).sum()), np.finfo(float).tiny)
    return Difference(10 * float(np.log10(signal / noise)), float(np.abs(error).max()), longer)


def clicks(sound: Array, rate: int) -> list[int]:
    """Where there are clicks: samples at which the sound leaves the line through the two before by
    much more than is usual around there. A plosive may be taken for one; a step that is hidden in
    noise is not found, nor heard."""
    bends = np.abs(np.diff(sound.astype(np.float64), 2, prepend=[0, 0]))
    found = np.flatnonzero((bends > FLOOR) & (bends > STEP * _usual(bends, round(NEAR * rate))))
    gaps = np.diff(found, prepend=-rate) > APART * rate
    return [int(place) for place in found[gaps]]


def _usual(bends: np.ndarray, near: int) -> np.ndarray:
    """The mean of what is near, but for what is just here."""
    here = 3
    sums = np.concatenate([[0.0], np.cumsum(bends)])

    def around(reach: int) -> np.ndarray:
        places = np.arange(len(bends))
        ends = np.minimum(places + reach + 1, len(bends))
        return np.asarray(sums[ends] - sums[np.maximum(places - reach, 0)])

    return np.asarray(np.maximum(around(near) - around(here), 0) / (2 * (near - here)))


def at_seams(places: Sequence[int], seams: Sequence[int], rate: int) -> int:
    """How many of the clicks are where two chunks meet."""
    reach = max(1, round(rate / 2000))
    return sum(any(abs(place - seam) <= reach for seam in seams) for place in places)
