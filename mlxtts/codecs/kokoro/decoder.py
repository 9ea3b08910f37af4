"""Kokoro's decoder: frames of text, pitch and loudness to samples (iSTFTNet in StyleTTS 2's
decoder). Arrays are (batch, time, channels)."""

from __future__ import annotations

import math
from typing import Any

from mlxtts.codecs.kokoro.blocks import Conv, SnakeBlock, StridedConv, StyledBlock, Upsample, leaky
from mlxtts.codecs.kokoro.config import Config
from mlxtts.codecs.kokoro.source import Source
from mlxtts.codecs.kokoro.style import Style
from mlxtts.nn import Module, mx
from mlxtts.nn.cuda.fused import in_one
from mlxtts.nn.ragged import Ragged
from mlxtts.nn.stft import STFT

RESIDUAL = 64
OUTER_TAPS = 7
SOURCE_TAPS, SOURCE_DILATIONS = (7, 11), (1, 3, 5)
SLOPES = (0.1, 0.01)  # before each upsampling, before the last convolution


@in_one
def _mean(*parts: mx.array) -> mx.array:
    return sum(parts) / len(parts)  # type: ignore[return-value]


class Generator(Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        g, style = config.istftnet, config.style_dim
        self._hop = config.hop
        self._stft = STFT(g.gen_istft_n_fft)
        self._rates = g.upsample_rates
        self.m_source = Source()
        self.ups: list[Any] = []
        self.noise_convs: list[Any] = []
        self.noise_res: list[Any] = []
        self.resblocks: list[Any] = []
        channels, spectrum = g.upsample_initial_channel, 2 * self._stft.bins
        for n, rate in enumerate(g.upsample_rates):
            self.ups.append(Upsample(channels, channels // 2, rate))
            channels //= 2
            rest = math.prod(g.upsample_rates[n + 1 :])
            if rest > 1:
                side = (rest + 1) // 2
                self.noise_convs.append(StridedConv(spectrum, channels, 2 * rest, rest, side))
            else:
                self.noise_convs.append(Conv(spectrum, channels, 1))
            taps = SOURCE_TAPS[rest == 1]
            self.noise_res.append(SnakeBlock(channels, taps, SOURCE_DILATIONS, style))
            self.resblocks += [
                SnakeBlock(channels, taps, dilations, style)
                for taps, dilations in zip(g.resblock_kernel_sizes, config.dilations, strict=True)
            ]
        self.conv_post = Conv(channels, spectrum, OUTER_TAPS)

    def __call__(
        self, x: mx.array, style: Style, pitch: mx.array, noise: mx.array, rows: Ragged
    ) -> mx.array:
        """(B, T, upsample_initial_channel), with the pitch (B, T) and normal numbers
        (B, T * hop, 9), to samples (B, T * hop)."""
        source = self._source(pitch, noise, rows)
        kernels = len(self.resblocks) // len(self.ups)
        for n, up in enumerate(self.ups):
            last = n == len(self.ups) - 1
            rows = rows.scaled(self._rates[n], more=int(last))
            x = up(leaky(x, SLOPES[0]))
            if last:
                x = mx.concatenate([x[:, 1:2], x], axis=1)
            x = x + self.noise_res[n](self.noise_convs[n](source), style, rows)
            blocks = self.resblocks[n * kernels : (n + 1) * kernels]
            x = rows.clear(_mean(*(block(x, style, rows) for block in blocks)))
        return self._stft.sound(self.conv_post(leaky(x, SLOPES[1])), rows)

    def _source(self, pitch: mx.array, noise: mx.array, rows: Ragged) -> mx.array:
        """The spectrum of the source, (B, frames, 2 * bins)."""
        signal = self.m_source(pitch, self._hop, noise, rows)
        return self._stft.polar(signal, rows.scaled(self._hop))


class Decoder(Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        text, width, style = config.hidden_dim, config.decoder_dim, config.style_dim
        self.encode = StyledBlock(text + 2, width, style)
        joined = width + RESIDUAL + 2
        last = config.istftnet.upsample_initial_channel
        self.decode: list[Any] = [StyledBlock(joined, width, style) for _ in range(3)]
        self.decode.append(StyledBlock(joined, last, style, double=True))
        self.F0_conv = StridedConv(1, 1, 3, stride=2, side=1)
        self.N_conv = StridedConv(1, 1, 3, stride=2, side=1)
        self.asr_res: list[Any] = [Conv(text, RESIDUAL, 1)]
        self.generator = Generator(config)

    def __call__(
        self,
        text: mx.array,
        pitch: mx.array,
        energy: mx.array,
        style: Style,
        noise: mx.array,
        rows: Ragged,
    ) -> mx.array:
        """Text (B, T, hidden_dim), pitch and energy (B, 2 * T, 1), normal numbers
        (B, 2 * T * hop, 9) to samples (B, 2 * T * hop). `rows`: those of the text."""
        # Not cleared: norms look at a row's own steps only, and clear the rest before convolutions.
        curves = [self.F0_conv(pitch), self.N_conv(energy)]
        x = self.encode(mx.concatenate([text, *curves], axis=-1), style, rows)
        residual = self.asr_res[0](text)
        for block in self.decode:
            x = block(mx.concatenate([x, residual, *curves], axis=-1), style, rows)
        twice = rows.scaled(2)
        return self.generator(twice.clear(x), style, pitch[..., 0], noise, twice)
