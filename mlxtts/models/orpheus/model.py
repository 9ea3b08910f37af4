"""Orpheus: prompt in, frames of SNAC codes out.

A frame is seven tokens. The token at slot k of a frame is one of the `codebook_size` ids from
`audio_token_offset + k * codebook_size`, and at slot 0 it may also be the end of speech: so only
those rows of the head are computed, and no malformed frame can be drawn.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlxtts.errors import ModelError
from mlxtts.models.orpheus.config import SLOTS, Config
from mlxtts.nn import Linear, Module, mx
from mlxtts.nn.loading import load as load_weights
from mlxtts.nn.loading import read_checkpoint
from mlxtts.nn.random import fold
from mlxtts.nn.sampling import Sampling, noise, penalise, sample
from mlxtts.nn.transformer import Cache, Transformer, fuse

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def load(folder: Path, config: Config) -> Model:
    """The model with the tokenizer and the weights in `folder`."""
    model = Model(config, _tokenizer(folder / "tokenizer.json"))
    load_weights(model, sanitize(read_checkpoint(folder), config), folder)
    return model


def sanitize(weights: dict[str, mx.array], config: Config) -> dict[str, mx.array]:
    """Hugging Face's tensors to this model's."""
    if config.tie_word_embeddings:
        weights = {name: w for name, w in weights.items() if not name.startswith("lm_head.")}
    return fuse(weights, config.shape.head_dim)


def _tokenizer(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more specific
        raise ModelError(f"{path}: {error}") from None


class Model(Module):
    """Implements models.Model."""

    def __init__(self, config: Config, tokenizer: Tokenizer | None = None) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = tokenizer
        self.model = Transformer(config.shape)
        if not config.tie_word_embeddings:
            self.lm_head = Linear(config.hidden_size, config.vocab_size, bias=False)

    def prompt(self, text: str, voice: str) -> list[int]:
        """The tokens after which the model begins to speak `text`."""
        assert self.tokenizer
        ids = self.tokenizer.encode(f"{voice}: {text}").ids
        return [*self.config.prompt_prefix, *ids, *self.config.prompt_suffix]

    def logits(self, hidden: mx.array, slot: int) -> mx.array:
        """(B, hidden_size) to (B, codebook_size) at this slot; at slot 0 one more, the end."""
        head = self.model.embed_tokens if self.config.tie_word_embeddings else self.lm_head
        first = self.config.audio_token_offset + slot * self.config.codebook_size
        logits = hidden @ head.weight[first : first + self.config.codebook_size].T
        if slot:
            return logits
        end = self.config.end_of_speech_token_id
        return mx.concatenate([logits, hidden @ head.weight[end : end + 1].T], axis=-1)

    def speak(self, text: str, voice: str, sampling: Sampling, keys: mx.array) -> Speech:
        return Speech(self, self.prompt(text, voice), sampling, keys)


class Speech:
    """Implements models.Speech: a segment on its way, one row of keys and values."""

    def __init__(self, model: Model, prompt: list[int], sampling: Sampling, keys: mx.array) -> None:
        self._model = model
        self._sampling = sampling
        self._keys = keys
        self._cache = Cache(model.config.shape)
        self._tokens = mx.array([prompt])
        self._frames = 0
        room = model.config.generation.max_new_tokens // SLOTS + 1
        self._said = mx.full((1, room, SLOTS), model.config.codebook_size + 1, dtype=mx.int32)

    def frame(self) -> tuple[mx.array, mx.array]:
        size = self._model.config.codebook_size
        draws = noise(fold(self._keys, self._frames), SLOTS, size + 1)
        codes = mx.stack([self._code(slot, draws[:, slot]) for slot in range(SLOTS)], axis=-1)
        if self._sampling.repetition_penalty != 1:
            self._said[:, self._frames % self._said.shape[1]] = codes
        self._frames += 1
        return codes[0], codes[0, 0] == size

    def _code(self, slot: int, draws: mx.array) -> mx.array:
        """The code at the next slot, (1,)."""
        config = self._model.config
        hidden = self._model.model(self._tokens, self._cache)[:, -1]
        logits = self._model.logits(hidden, slot)
        if self._sampling.repetition_penalty != 1:
            logits = penalise(logits, self._said[..., slot], self._sampling.repetition_penalty)
        code = sample(logits, self._sampling, draws[:, : logits.shape[1]])
        token = config.audio_token_offset + slot * config.codebook_size + code
        self._tokens = token[:, None]
        return code
