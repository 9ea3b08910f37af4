"""How long each phoneme is, and how high and how loud: the text encoder, the duration encoder and
the predictors of StyleTTS 2. Arrays are (batch, time, channels)."""

from __future__ import annotations

from typing import Any

from mlxtts.codecs.kokoro.blocks import Conv, StyledBlock, leaky
from mlxtts.codecs.kokoro.config import Config
from mlxtts.codecs.kokoro.style import Style
from mlxtts.nn import Embedding, LayerNorm, Module, mx
from mlxtts.nn.cuda.fused import in_one
from mlxtts.nn.linear import Linear
from mlxtts.nn.lstm import LSTM
from mlxtts.nn.ragged import Ragged

EPSILON = 1e-5


class TextEncoder(Module):
    """What phonemes sound like. `cnn` is a list of [convolution, norm]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width, taps = config.hidden_dim, config.text_encoder_kernel_size
        self.embedding = Embedding(config.n_token, width)
        self.cnn: list[Any] = [
            [Conv(width, width, taps), LayerNorm(width, eps=EPSILON)] for _ in range(config.n_layer)
        ]
        self.lstm = LSTM(width, width // 2)

    def __call__(self, ids: mx.array, rows: Ragged) -> mx.array:
        x = rows.clear(self.embedding(ids))
        for conv, norm in self.cnn:
            x = rows.clear(leaky(norm(conv(x))))
        return self.lstm(x, rows)


class AdaLayerNorm(Module):
    def __init__(self, style: int, channels: int) -> None:
        super().__init__()
        self.fc = Linear(style, 2 * channels)

    def __call__(self, x: mx.array, style: mx.array) -> mx.array:
        scale, shift = mx.split(self.fc(style)[:, None], 2, axis=-1)
        return _shifted(mx.fast.layer_norm(x, None, None, EPSILON), scale, shift)


@in_one
def _shifted(x: mx.array, scale: mx.array, shift: mx.array) -> mx.array:
    return x * (1 + scale) + shift


class DurationEncoder(Module):
    """`lstms`: an LSTM and a norm in turns."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width, style = config.hidden_dim, config.style_dim
        self.lstms: list[Any] = []
        for _ in range(config.n_layer):
            self.lstms += [LSTM(width + style, width // 2), AdaLayerNorm(style, width)]

    def __call__(self, x: mx.array, style: mx.array, rows: Ragged) -> mx.array:
        """(B, T, hidden_dim) to (B, T, hidden_dim + style_dim)."""
        voice = mx.broadcast_to(style[:, None], (*x.shape[:2], style.shape[1]))
        x = mx.concatenate([x, voice], axis=-1)
        for lstm, norm in zip(self.lstms[::2], self.lstms[1::2], strict=True):
            x = mx.concatenate([norm(lstm(x, rows), style), voice], axis=-1)
        return x


class Projection(Module):
    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.linear_layer = Linear(into, out)


class Predictor(Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        width, style = config.hidden_dim, config.style_dim
        self.text_encoder = DurationEncoder(config)
        self.lstm = LSTM(width + style, width // 2)
        self.duration_proj = Projection(width, config.max_dur)
        self.shared = LSTM(width + style, width // 2)
        self.F0 = self._curve(width, style)
        self.N = self._curve(width, style)
        self.F0_proj = Conv(width // 2, 1, 1)
        self.N_proj = Conv(width // 2, 1, 1)

    def _curve(self, width: int, style: int) -> list[Any]:
        half = width // 2
        return [
            StyledBlock(width, width, style),
            StyledBlock(width, half, style, double=True),
            StyledBlock(half, half, style),
        ]

    def durations(self, x: mx.array, rows: Ragged) -> mx.array:
        """Frames of each phoneme at normal speed, not rounded, (B, T). `x`: of `text_encoder`."""
        return mx.sum(mx.sigmoid(self.lasting(x, rows)), axis=-1)

    def lasting(self, x: mx.array, rows: Ragged) -> mx.array:
        """The logits of each phoneme lasting for another frame, (B, T, max_dur)."""
        logits: mx.array = self.duration_proj.linear_layer(self.lstm(x, rows))
        return logits

    def curves(self, x: mx.array, style: Style, rows: Ragged) -> tuple[mx.array, mx.array]:
        """Pitch in Hz and loudness, (B, 2 * T, 1), of frames (B, T, channels)."""
        shared = self.shared(x, rows)
        pitch, energy = shared, shared
        for of_pitch, of_energy in zip(self.F0, self.N, strict=True):
            pitch, energy = of_pitch(pitch, style, rows), of_energy(energy, style, rows)
            rows = rows.scaled(2) if of_pitch.double else rows
        return rows.clear(self.F0_proj(pitch)), rows.clear(self.N_proj(energy))
