"""Segments on their way through an Orpheus model, a row each (models.rows).

All rows are at the same slot of their frames, so a step computes one slice of the head for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlxtts.models import Frame, rows
from mlxtts.models.orpheus.config import SLOTS
from mlxtts.nn import mx, on_cpu
from mlxtts.nn.sampling import Sampling

if TYPE_CHECKING:
    from mlxtts.models.orpheus.model import Model


class Prompt(rows.Prompt):
    """Tokens."""

    def __init__(self, model: Model, tokens: list[int], sampling: Sampling, keys: mx.array) -> None:
        super().__init__(len(tokens), sampling, keys)
        self._embed = model.model.embed_tokens
        self._tokens = tokens

    def embed(self, start: int, stop: int) -> mx.array:
        x: mx.array = self._embed(mx.array([self._tokens[start:stop]], dtype=mx.int32))
        return x


@dataclass(frozen=True)
class Drawn:
    """Implements models.Frames: codes, (B, SLOTS), and whether there are none, (B,)."""

    codes: mx.array
    ended: mx.array

    def read(self) -> list[Frame | None]:
        codes: list[list[int]] = self.codes.tolist()  # type: ignore[assignment]
        ended: list[bool] = self.ended.tolist()  # type: ignore[assignment]
        return [None if e else Frame(tuple(row)) for row, e in zip(codes, ended, strict=True)]


class Batch(rows.Rows):
    """Implements models.Batch."""

    def __init__(self, model: Model, width: int, cache_bits: int = 16) -> None:
        size, window = (
            model.config.codebook_size,
            model.config.generation.max_new_tokens // SLOTS + 1,
        )
        super().__init__(model, model.model, width, SLOTS, size, window, cache_bits)
        self.model = model

    def frame(self) -> Drawn:
        draws = self._draws()
        codes = mx.stack([self._code(slot, draws) for slot in range(SLOTS)], axis=-1)
        self._note(codes)
        drawn = Drawn(codes, codes[:, 0] == self._size)
        mx.async_eval(drawn.codes, drawn.ended)
        return drawn

    def _code(self, slot: int, draws: mx.array) -> mx.array:
        """The codes at the next slot, (B,)."""
        code = self._chosen(self.model.logits(self._hidden(), slot), slot, draws)
        token = self.model.config.audio_token_offset + slot * self._size + code
        self._inputs = self.model.model.embed_tokens(token[:, None])
        if not on_cpu():
            mx.async_eval(self._inputs)  # a GPU goes on while the next step is being described
        return code
