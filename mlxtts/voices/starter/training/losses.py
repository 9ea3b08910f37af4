"""What the codec is trained against: log mel spectra at four resolutions, discriminators, and
phones.

Everything here looks at 24 kHz waveforms (B, T) or (B, 1, T) whose sound ends at 8 kHz, as flite's
does.
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

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


class PeriodDiscriminator(nn.Module):
    """Looks at every p-th sample."""

    def __init__(self, period):
        super().__init__()
        self.period = period
        sizes = (1, 24, 64, 128, 256)
        layers = [weight_norm(nn.Conv2d(a, b, (5, 1), (3, 1), (2, 0))) for a, b in pairwise(sizes)]
        self.layers = nn.ModuleList([*layers, weight_norm(nn.Conv2d(256, 256, (5, 1), 1, (2, 0)))])
        self.last = weight_norm(nn.Conv2d(256, 1, (3, 1), 1, (1, 0)))

    def forward(self, audio):
        """Feature maps of audio (B, 1, T), the verdict last."""
        batch, _, time = audio.shape
        x = F.pad(audio, (0, -time % self.period), "reflect").view(batch, 1, -1, self.period)
        maps = []
        for i, layer in enumerate(self.layers):
            # full precision on the waveform itself: most of speech is 30 dB below its low harmonics
            with torch.autocast(
                x.device.type, enabled=i > 0 and torch.is_autocast_enabled(x.device.type)
            ):
                x = F.leaky_relu(layer(x), 0.1)
            maps.append(x)
        return [*maps, self.last(x)]


class SpectrumDiscriminator(nn.Module):
    """Looks at a complex spectrogram whose magnitude is raised to 0.3, so that quiet formants
    count.
    """

    def __init__(self, size, channels=24):
        super().__init__()
        self.size, self.keep = size, int((size // 2 + 1) * 0.72)
        self.register_buffer("window", torch.hann_window(size) * (4.0 / size))
        wide = [
            weight_norm(nn.Conv2d(2 if i == 0 else channels, channels, (3, 9), (1, 2), (1, 4)))
            for i in range(3)
        ]
        self.layers = nn.ModuleList(
            [*wide, weight_norm(nn.Conv2d(channels, channels, (3, 3), 1, 1))]
        )
        self.last = weight_norm(nn.Conv2d(channels, 1, (3, 3), 1, 1))

    def forward(self, audio):
        """Feature maps of audio (B, 1, T), the verdict last."""
        with torch.autocast(audio.device.type, enabled=False):
            wave = audio[:, 0].float()
            spectrum = torch.stft(
                wave, self.size, self.size // 4, window=self.window, return_complex=True
            )
            x = torch.view_as_real(spectrum[:, : self.keep]).permute(0, 3, 2, 1)
            x = x * (x.pow(2).sum(1, keepdim=True) + 1e-9).pow(-0.35)
        maps = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.1)
            maps.append(x)
        return [*maps, self.last(x)]


class Discriminators(nn.Module):
    """All of them."""

    def __init__(self, periods=(2, 3, 5, 7, 11), sizes=(2048, 1024, 512)):
        super().__init__()
        parts = [PeriodDiscriminator(p) for p in periods] + [
            SpectrumDiscriminator(n) for n in sizes
        ]
        self.parts = nn.ModuleList(parts)

    def forward(self, audio):
        """Feature maps of each discriminator for audio (B, 1, T)."""
        return [part(audio) for part in self.parts]


def discriminator_loss(maps, real):
    """Least squares: the first ``real`` entries of the batch are speech, the others come from the
    codec.
    """
    verdicts = [part[-1].float() for part in maps]
    return sum((v[:real] - 1).pow(2).mean() + v[real:].pow(2).mean() for v in verdicts)


def adversarial_losses(real_maps, maps, real):
    """(least-squares loss that wants to pass for speech, feature matching) of what was made."""
    fooled = sum((part[-1].float() - 1).pow(2).mean() for part in maps)
    matching = 0.0
    for there, here in zip(real_maps, maps, strict=True):
        pairs = list(zip(there[:-1], here[:-1], strict=True))
        matching = matching + sum(
            (a[:real].detach() - b).abs().float().mean() for a, b in pairs
        ) / len(pairs)
    return fooled, matching


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
        x = self.into(sums)
        for look, mix in zip(self.look, self.mix, strict=True):
            x = x + mix(F.gelu(look(x)))
        return self.out(F.gelu(x))


def spectrum_target(reference, hops):
    """Log mel spectrum (1024 samples) of the reference, two frames a hop: (B, 2 bands, hops)."""
    batch, bands, _ = reference[1].shape
    return (
        reference[1][:, :, : 2 * hops].reshape(batch, bands, hops, 2).transpose(2, 3).flatten(1, 2)
    )
