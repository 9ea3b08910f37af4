"""Kokoro's network: phonemes and a style to sound, in two halves, since how long the sound is comes
out of the first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlxtts.codecs.kokoro.bert import Albert
from mlxtts.codecs.kokoro.blocks import together
from mlxtts.codecs.kokoro.config import Config
from mlxtts.codecs.kokoro.decoder import Decoder
from mlxtts.codecs.kokoro.prosody import Predictor, TextEncoder
from mlxtts.codecs.kokoro.source import HARMONICS
from mlxtts.codecs.kokoro.style import Style, Together
from mlxtts.nn import Module, mx, on_cpu, on_cuda
from mlxtts.nn.linear import Linear
from mlxtts.nn.ragged import Ragged, rounded

Durations = list[list[int]]

PHONEMES, FRAMES = 8, 16  # shapes on a GPU are multiples of these


class Network(Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.bert = Albert(config.plbert, config.n_token)
        self.bert_encoder = Linear(config.plbert.hidden_size, config.hidden_dim)
        self.predictor = Predictor(config)
        self.text_encoder = TextEncoder(config)
        self.decoder = Decoder(config)
        self._together: dict[str, Together] = {}

    def durations(
        self, ids: Sequence[Sequence[int]], styles: mx.array, speeds: Sequence[float]
    ) -> tuple[Durations, mx.array]:
        """How many frames each phoneme of each row has, and what is known of it besides, (B, T,
        hidden_dim + style_dim). `styles`: (B, 2 * style_dim). Waits for the result."""
        rows, known = self._known(ids, styles)
        exact = self.predictor.durations(known, rows) / mx.array(list(speeds))[:, None]
        found: Durations = mx.maximum(mx.round(exact), 1).astype(mx.int32).tolist()  # type: ignore[assignment]
        return [row[: len(own)] for row, own in zip(found, ids, strict=True)], known

    def lasting(self, ids: Sequence[Sequence[int]], styles: mx.array) -> mx.array:
        """The logits of each phoneme lasting for another frame, (B, T, max_dur)."""
        rows, known = self._known(ids, styles)
        return self.predictor.lasting(known, rows)

    def _known(self, ids: Sequence[Sequence[int]], styles: mx.array) -> tuple[Ragged, mx.array]:
        rows, table = self._table(ids)
        style = styles[:, self.config.style_dim :]
        meaning = self.bert_encoder(self.bert(table, rows))
        return rows, self.predictor.text_encoder(meaning, style, rows)

    def samples(
        self,
        ids: Sequence[Sequence[int]],
        styles: mx.array,
        durations: Durations,
        known: mx.array,
        noise: mx.array,
    ) -> mx.array:
        """Samples of all rows, (B, N), each `frame_samples` for every frame, and arbitrary ones
        thereafter. `noise`: normal numbers, (B, N, HARMONICS)."""
        if on_cpu() and len(ids) > 1:
            return self._in_turn(ids, styles, durations, known, noise)
        rows, table = self._table(ids)
        out = _frames(durations)
        halves = zip(("decoder", "predictor"), mx.split(styles, 2, axis=1), strict=True)
        voice, style = (self._style(part, numbers) for part, numbers in halves)
        places = mx.array([_places(row, out.time) for row in durations])[..., None]
        expanded = mx.take_along_axis(known, places, axis=1)
        pitch, energy = self.predictor.curves(expanded, style, out)
        text = mx.take_along_axis(self.text_encoder(table, rows), places, axis=1)
        return self.decoder(text, pitch, energy, voice, noise, out)

    def _style(self, part: str, numbers: mx.array) -> Style:
        """As that part of the network wants it."""
        if on_cuda() and part not in self._together:
            self._together[part] = together(self[part])
        return Style(numbers, self._together.get(part))

    def _in_turn(
        self,
        ids: Sequence[Sequence[int]],
        styles: mx.array,
        durations: Durations,
        known: mx.array,
        noise: mx.array,
    ) -> mx.array:
        """`samples`, one row after another: what is worked on at a time is one's own, and nothing
        is spent on steps that no row owns."""
        samples = mx.zeros(noise.shape[:2])
        for n, lasting in enumerate(durations):
            row, length = slice(n, n + 1), sum(lasting) * self.frame_samples
            own = known[row, : len(lasting)], noise[row, :length]
            samples[n, :length] = self.samples(ids[row], styles[row], [lasting], *own)[0]
            mx.eval(samples)
        return samples

    @property
    def frame_samples(self) -> int:
        return 2 * self.config.hop

    def noise(self, keys: Sequence[mx.array], durations: Durations) -> mx.array:
        """Normal numbers for rows that are so long, each row's the same in any company. `keys`: one
        of each, (1, 2)."""
        samples = _frames(durations).scaled(self.frame_samples)
        rows = [
            mx.random.normal((length, HARMONICS), key=key[0])
            for key, length in zip(keys, samples.lengths, strict=True)
        ]
        return mx.stack([mx.pad(row, [(0, samples.time - len(row)), (0, 0)]) for row in rows])

    def _table(self, ids: Sequence[Sequence[int]]) -> tuple[Ragged, mx.array]:
        lengths = [len(row) for row in ids]
        time = min(rounded(max(lengths), PHONEMES), self.config.plbert.max_position_embeddings)
        return Ragged(lengths, time), mx.array([[*row, *[0] * (time - len(row))] for row in ids])


def _frames(durations: Durations) -> Ragged:
    lengths = [sum(row) for row in durations]
    return Ragged(lengths, rounded(max(lengths), FRAMES))


def _places(durations: Sequence[int], frames: int) -> list[int]:
    """Which phoneme each frame belongs to."""
    places = np.repeat(np.arange(len(durations)), durations)
    found: list[int] = np.pad(places, (0, frames - len(places))).tolist()
    return found
