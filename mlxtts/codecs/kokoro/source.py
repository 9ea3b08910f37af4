"""What the vocoder shapes into speech: the harmonics of the voice, and noise where there is none
(the neural source-filter of arXiv:1904.12088)."""

from __future__ import annotations

import math

from mlxtts.codecs.kokoro.config import SAMPLE_RATE
from mlxtts.nn import Module, mx, on_cuda
from mlxtts.nn.cuda import vocoder
from mlxtts.nn.cuda.fused import in_one
from mlxtts.nn.linear import Linear
from mlxtts.nn.ragged import Ragged
from mlxtts.nn.stretches import elementwise

HARMONICS = 9
AMPLITUDE = 0.1
VOICED_NOISE = 0.003
UNVOICED_NOISE = AMPLITUDE / 3
UNVOICED = 10.0  # Hz; no pitch below it is one
LEVELS = UNVOICED, AMPLITUDE, VOICED_NOISE, UNVOICED_NOISE


def cycles(pitch: mx.array, hop: int, rows: Ragged) -> mx.array:
    """How far each harmonic has come at each sample, in cycles, whole ones left out now and then:
    (B, T) Hz to (B, T * hop, HARMONICS).

    A value of the pitch holds for `hop` samples and its phase for the middle of them; between two
    middles, the phase is interpolated.
    """
    harmonics = pitch[..., None] * mx.arange(1, HARMONICS + 1)
    turns = harmonics / SAMPLE_RATE
    steps = rows.clear(hop * (turns - mx.floor(turns)))
    middles = _sums(steps - mx.floor(steps))[:, :, None]
    steps = mx.concatenate([steps[:, 1:], mx.zeros_like(steps[:, :1])], axis=1)[:, :, None]
    way = ((mx.arange(hop) + 0.5) / hop)[:, None]
    between = (middles + way * steps).reshape(len(pitch), -1, HARMONICS)
    before = mx.repeat(middles[:, 0], hop // 2, axis=1)
    return mx.concatenate([before, between[:, : -(hop - hop // 2)]], axis=1)


def _sums(cycles: mx.array) -> mx.array:
    """Of all so far on axis 1, less whole ones: in integers, which turn over by themselves, since
    in float32 the phase is lost in the course of some seconds."""
    whole = (cycles * 2.0**32).astype(mx.uint32)
    return (mx.cumsum(whole, axis=1) >> 8).astype(mx.float32) * 2.0**-24


@in_one
def _whole(pitch: mx.array, numbers: mx.array, hop: int) -> mx.array:
    """The steps from middle to middle of which `cycles` takes the sums, whole turns of 2^32."""
    turns = pitch * numbers / SAMPLE_RATE
    steps = hop * (turns - mx.floor(turns))
    return ((steps - mx.floor(steps)) * 2.0**32).astype(mx.uint32)


class Source(Module):
    """Pitch to one signal."""

    def __init__(self) -> None:
        super().__init__()
        self.l_linear = Linear(HARMONICS, 1)

    def __call__(self, pitch: mx.array, hop: int, noise: mx.array, rows: Ragged) -> mx.array:
        """(B, T) Hz and (B, T * hop, HARMONICS) normal numbers to (B, T * hop)."""
        if on_cuda():
            weight, bias = self.l_linear.weight, self.l_linear.bias
            sums = mx.cumsum(_whole(pitch[..., None], mx.arange(1, HARMONICS + 1), hop), axis=1)
            given = pitch, sums, noise, weight, bias
            return vocoder.source(*given, LEVELS, rows.counts, SAMPLE_RATE)
        waves = AMPLITUDE * elementwise("sin", 2 * math.pi * cycles(pitch, hop, rows))
        voiced = mx.repeat(pitch > UNVOICED, hop, axis=1)[..., None]
        loudness = mx.where(voiced, VOICED_NOISE, UNVOICED_NOISE)
        return mx.tanh(self.l_linear(mx.where(voiced, waves, 0.0) + loudness * noise))[..., 0]
