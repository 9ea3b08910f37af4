"""Segments on their way through an Orpheus model, a row each.

All rows are at the same slot of their frames, so a step computes one slice of the head for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlxtts.models import Frame
from mlxtts.models.orpheus.config import SLOTS
from mlxtts.nn import cuda, mx, on_cpu, on_cuda
from mlxtts.nn.cache import Cache
from mlxtts.nn.quantization import unpack
from mlxtts.nn.random import fold
from mlxtts.nn.sampling import Sampling, Settings, noise, penalise, sample
from mlxtts.nn.slots import Slots
from mlxtts.nn.step import Steps

if TYPE_CHECKING:
    from mlxtts.models.orpheus.model import Model

PADDING = 64  # prompts that are read together are filled up to a multiple of this


class Prompt:
    """Implements models.Prompt. Its last token is not read, but the row's first input."""

    def __init__(self, tokens: list[int], sampling: Sampling, keys: mx.array) -> None:
        self.tokens = tokens
        self.sampling = sampling
        self.keys = keys
        self.cache: Cache | None = None
        self.row = 0
        self.read = 0

    @property
    def left(self) -> int:
        return len(self.tokens) - 1 - self.read


@dataclass(frozen=True)
class Drawn:
    """Implements models.Frames: codes, (B, SLOTS), and whether there are none, (B,)."""

    codes: mx.array
    ended: mx.array

    def read(self) -> list[Frame | None]:
        codes: list[list[int]] = self.codes.tolist()  # type: ignore[assignment]
        ended: list[bool] = self.ended.tolist()  # type: ignore[assignment]
        return [None if e else Frame(tuple(row)) for row, e in zip(codes, ended, strict=True)]


class Batch:
    """Implements models.Batch."""

    def __init__(self, model: Model, width: int) -> None:
        self._model = model
        self._config = model.config
        shape = model.config.shape
        self._in_place = on_cuda() and cuda.fits(shape.head_dim)
        self._cache: Cache | Slots = Cache(shape.num_hidden_layers, rows=0)
        if on_cuda() and width > 1:
            unpack(model)
        if self._in_place:
            self._cache = Slots()
            self._steps = Steps(model.model, shape.num_attention_heads, shape.rms_norm_eps)
        self._prompts: list[Prompt] = []
        self._births: list[int] = []
        self._frames = 0
        self._window = model.config.generation.max_new_tokens // SLOTS + 1
        self._inputs = mx.zeros((0, 1), dtype=mx.int32)
        self._said = mx.zeros((0, self._window, SLOTS), dtype=mx.int32)

    def read(self, pieces: Sequence[tuple[Prompt, int]]) -> None:
        whole = [prompt for prompt, tokens in pieces if not prompt.read and tokens == prompt.left]
        if whole and not on_cpu():
            self._read_together(whole)
        for prompt, tokens in pieces:
            if prompt.left:
                self._read_on(prompt, tokens)

    def _read_on(self, prompt: Prompt, tokens: int) -> None:
        if prompt.cache is None:
            prompt.cache = Cache(self._config.num_hidden_layers)
        chunk = prompt.tokens[prompt.read : prompt.read + min(tokens, prompt.left)]
        self._model.model(mx.array([chunk]), prompt.cache)
        prompt.read += len(chunk)

    def _read_together(self, prompts: Sequence[Prompt]) -> None:
        """Whole prompts side by side; what is put behind the shorter ones is not looked at."""
        length = -(-max(prompt.left for prompt in prompts) // PADDING) * PADDING
        rows = [prompt.tokens[:-1] for prompt in prompts]
        cache = Cache(self._config.num_hidden_layers, rows=len(rows))
        self._model.model(mx.array([row + [0] * (length - len(row)) for row in rows]), cache)
        for n, prompt in enumerate(prompts):
            prompt.cache, prompt.row, prompt.read = cache, n, prompt.left

    def join(self, prompt: Prompt) -> None:
        assert prompt.cache is not None
        self._cache.append(prompt.cache, prompt.row, prompt.read)
        prompt.cache = None
        self._prompts.append(prompt)
        self._births.append(self._frames)
        self._inputs = mx.concatenate([self._inputs, mx.array([prompt.tokens[-1:]])])
        nothing = mx.full((1, self._window, SLOTS), self._config.codebook_size + 1)
        self._said = mx.concatenate([self._said, nothing.astype(mx.int32)])
        self._rows_changed()

    def leave(self, row: int) -> None:
        self._cache.remove(row)
        self._prompts[row], self._births[row] = self._prompts[-1], self._births[-1]
        del self._prompts[-1], self._births[-1]
        self._inputs, self._said = _without(self._inputs, row), _without(self._said, row)
        self._rows_changed()

    def frame(self) -> Drawn:
        size = self._config.codebook_size
        draws = noise(fold(self._keys, self._frames), SLOTS, size + 1)
        codes = mx.stack([self._code(slot, draws) for slot in range(SLOTS)], axis=-1)
        if self._settings.penalises:
            self._said[:, self._frames % self._window] = codes
        self._frames += 1
        drawn = Drawn(codes, codes[:, 0] == size)
        mx.async_eval(drawn.codes, drawn.ended)
        return drawn

    def _code(self, slot: int, draws: mx.array) -> mx.array:
        """The codes at the next slot, (B,)."""
        config = self._config
        hidden = self._hidden()
        code = self._chosen(self._model.logits(hidden, slot), slot, draws)
        self._inputs = (config.audio_token_offset + slot * config.codebook_size + code)[:, None]
        if not on_cpu():
            mx.async_eval(self._inputs)  # a GPU goes on while the next step is being described
        return code

    def _chosen(self, logits: mx.array, slot: int, draws: mx.array) -> mx.array:
        if self._table is not None:
            return cuda.choose(logits, self._table, draws, self._said, slot)
        if self._settings.penalises:
            logits = penalise(logits, self._said[..., slot], self._settings)
        return sample(logits, self._settings, draws[:, slot, : logits.shape[1]])

    def _hidden(self) -> mx.array:
        """The hidden states, (B, hidden_size), behind the inputs."""
        if isinstance(self._cache, Slots):
            return self._steps(self._inputs[:, 0], self._cache)
        return self._model.model(self._inputs, self._cache)[:, -1]

    def _rows_changed(self) -> None:
        """Each row counts its frames from when it joined."""
        if self._prompts:
            self._settings = Settings([prompt.sampling for prompt in self._prompts])
            self._table = self._settings.table if self._in_place else None
            keys = [
                fold(p.keys, -born) for p, born in zip(self._prompts, self._births, strict=True)
            ]
            self._keys = mx.concatenate(keys)


def _without(x: mx.array, row: int) -> mx.array:
    """The rows of `x` but for one, whose place the last takes."""
    kept = [*range(len(x) - 1)]
    if row < len(kept):
        kept[row] = len(x) - 1
    return x[mx.array(kept, dtype=mx.int32)]
