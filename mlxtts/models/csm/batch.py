"""Segments on their way through a CSM model, a row each (models.rows).

A frame's first code comes of the backbone, to which all that was said before is known; the others,
one after another, of the depth decoder, which knows the backbone's last state and the codes of this
frame, and forgets them with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlxtts.models import Frame, rows
from mlxtts.nn import mx, on_cpu
from mlxtts.nn.cache import Cache
from mlxtts.nn.sampling import Sampling

if TYPE_CHECKING:
    from mlxtts.models.csm.model import Model

REMEMBERED = 64  # frames that the repetition penalty looks back


@dataclass(frozen=True)
class Heard:
    """What was said before: text tokens, and frames."""

    tokens: Sequence[int]
    frames: Sequence[Sequence[int]]

    def __len__(self) -> int:
        return len(self.tokens) + len(self.frames)


class Prompt(rows.Prompt):
    """What was said before, and text tokens."""

    def __init__(
        self,
        model: Model,
        tokens: list[int],
        sampling: Sampling,
        keys: mx.array,
        heard: Sequence[Heard] = (),
    ) -> None:
        before = sum(map(len, heard))
        shared = tuple((*said.tokens, *map(tuple, said.frames)) for said in heard)
        super().__init__(before + len(tokens), sampling, keys, before, shared)
        self._model, self._tokens, self._heard = model, tokens, heard
        self._inputs: mx.array | None = None

    def embed(self, start: int, stop: int) -> mx.array:
        if self._inputs is None:
            parts = [part for said in self._heard for part in self._embedded(said)]
            self._inputs = mx.concatenate([*parts, self._words(self._tokens)], axis=1)
        return self._inputs[:, start:stop]

    def _embedded(self, said: Heard) -> list[mx.array]:
        frames = mx.array([[*map(list, said.frames)]], dtype=mx.int32)
        return [self._words(said.tokens), self._model.embed_frames(frames)]

    def _words(self, tokens: Sequence[int]) -> mx.array:
        words: mx.array = self._model.text_embeddings(mx.array([[*tokens]], dtype=mx.int32))
        return words


@dataclass(frozen=True)
class Drawn:
    """Implements models.Frames: codes, (B, num_codebooks). A frame of zeros is the end."""

    codes: mx.array

    def read(self) -> list[Frame | None]:
        codes: list[list[int]] = self.codes.tolist()  # type: ignore[assignment]
        return [Frame(tuple(row)) if any(row) else None for row in codes]


class Batch(rows.Rows):
    """Implements models.Batch."""

    def __init__(self, model: Model, width: int, cache_bits: int = 16) -> None:
        config = model.config
        codes, size = config.num_codebooks, config.codebook_size
        super().__init__(model, model.backbone, width, codes, size, REMEMBERED, cache_bits)
        self.model = model

    def frame(self) -> Drawn:
        model, draws = self.model, self._draws()
        hidden = self._hidden()
        codes = [self._audible(model.first_logits(hidden), 0, draws)]
        cache = Cache(model.config.decoder.num_hidden_layers, rows=len(hidden))
        x = mx.stack([hidden, model.embed(codes[0], 0)], axis=1)
        for place in range(1, self._codes):
            logits = model.logits(x, cache, place)
            codes.append(self._audible(logits, place, draws))
            x = model.embed(codes[-1], place)[:, None]
            if not on_cpu():
                mx.async_eval(x)  # a GPU goes on while the next step is being described
        whole = mx.stack(codes, axis=-1).astype(mx.int32)
        self._inputs = model.embed_frames(whole[:, None])
        self._note(whole)
        mx.async_eval(whole)
        return Drawn(whole)

    def _audible(self, logits: mx.array, place: int, draws: mx.array) -> mx.array:
        """The code at a place, of those that the codec knows."""
        return self._chosen(logits[:, : self.model.config.audible_codes], place, draws)
