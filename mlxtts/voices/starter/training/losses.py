"""What the codec is trained against: log mel spectra at four resolutions, and phones.

Everything here looks at 24 kHz waveforms (B, T) or (B, 1, T) whose sound ends at 8 kHz, as flite's
does.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from .pointwise import product

SAMPLE_RATE = 24000
TOP = 8000.0  # Hz; the teacher speaks at 16 kHz


def mel_filters(n_fft, bands):
    """Triangular mel filters up to 8 kHz and two wide bands above, float32 (bands or fewer, n_fft /
    2 + 1).
    """
    mel = torch.linspace(0, 2595 * math.log10(1 + TOP / 700), bands + 2, dtype=torch.float64)
    edge = 700 * (10 ** (mel / 2595) - 1)
    bins = torch.linspace(0, SAMPLE_RATE / 2, n_fft // 2 + 1, dtype=torch.float64)
    rise = (bins[None] - edge[:-2, None]) / (edge[1:-1] - edge[:-2])[:, None]
    fall = (edge[2:, None] - bins[None]) / (edge[2:] - edge[1:-1])[:, None]
    filters = torch.minimum(rise, fall).clamp(min=0)
    filters = filters[filters.sum(1) > 0.3]  # drop those narrower than a bin
    above = [
        ((bins >= low) & (bins < high)).double() for low, high in ((8100, 9500), (9500, 12100))
    ]
    return torch.cat([filters, torch.stack(above)]).float()


class MelLoss(nn.Module):
    """Mean absolute difference of log mel spectra, floor at -80 dB of full scale."""

    def __init__(self, sizes=((2048, 100), (1024, 72), (512, 48), (256, 28)), floor=1e-4):
        super().__init__()
        self.sizes, self.floor = sizes, floor
        for size, bands in sizes:
            self.register_buffer(f"filters{size}", mel_filters(size, bands))
            self.register_buffer(f"window{size}", torch.hann_window(size) * (4.0 / size))

    def spectra(self, audio):
        """Log mel spectra (B, bands, frames) of audio (B, T), one for each window size."""
        out = []
        for size, _ in self.sizes:
            window = getattr(self, f"window{size}")
            magnitude = torch.stft(audio, size, size // 4, window=window, return_complex=True).abs()
            out.append(torch.log(getattr(self, f"filters{size}") @ magnitude + self.floor))
        return out

    def forward(self, reference, audio):
        """Loss of audio (B, T) against the ``spectra`` of the reference."""
        return sum(
            (a - b).abs().mean() for a, b in zip(reference, self.spectra(audio), strict=True)
        )


class Head(nn.Module):
    """Tells something of every 512 samples from quantised latents; used in training only."""

    def __init__(self, channels, out, width=160):
        super().__init__()
        self.into = nn.Conv1d(channels, width, 1)
        self.look = nn.ModuleList(
            [nn.Conv1d(width, width, 7, padding=3, groups=width) for _ in range(2)]
        )
        self.mix = nn.ModuleList([nn.Conv1d(width, width, 1) for _ in range(2)])
        self.out = nn.Conv1d(width, out, 1)

    def forward(self, sums):
        """(B, out, T) of latents (B, C, T)."""
        x = product(self.into, sums)
        for look, mix in zip(self.look, self.mix, strict=True):
            x = x + product(mix, F.gelu(look(x)))
        return product(self.out, F.gelu(x))


def spectrum_target(reference, hops):
    """Log mel spectrum (1024 samples) of the reference, two frames a hop: (B, 2 bands, hops)."""
    batch, bands, _ = reference[1].shape
    return (
        reference[1][:, :, : 2 * hops].reshape(batch, bands, hops, 2).transpose(2, 3).flatten(1, 2)
    )
