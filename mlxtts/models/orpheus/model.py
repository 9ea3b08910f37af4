"""Orpheus: prompt in, frames of SNAC codes out.

A frame is seven tokens. The token at slot k of a frame is one of the `codebook_size` ids from
`audio_token_offset + k * codebook_size`, and at slot 0 it may also be the end of speech: so only
those rows of the head are computed, and no malformed frame can be drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlxtts.errors import subject
from mlxtts.models import Example
from mlxtts.models.orpheus.batch import Batch, Prompt
from mlxtts.models.orpheus.checkpoint import sanitize
from mlxtts.models.orpheus.config import SLOTS, Config
from mlxtts.nn import Module, mx
from mlxtts.nn.cache import Cache
from mlxtts.nn.linear import Linear
from mlxtts.nn.loading import load as load_weights
from mlxtts.nn.loading import read_checkpoint, read_tokenizer
from mlxtts.nn.quantization import Tensor, project
from mlxtts.nn.sampling import Sampling
from mlxtts.nn.transformer import Transformer
from mlxtts.text.frontend import Segment

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def load(folder: Path, config: Config) -> Model:
    """The model with the tokenizer and the weights in `folder`."""
    model = Model(config, read_tokenizer(folder / "tokenizer.json"))
    load_weights(model, _tensors(folder, config), folder)
    return model


def _tensors(folder: Path, config: Config) -> dict[str, Tensor]:
    weights = read_checkpoint(folder)
    with subject(str(folder)):
        return sanitize(weights, config)


class Model(Module):
    """Implements models.Model."""

    def __init__(self, config: Config, tokenizer: Tokenizer | None = None) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = tokenizer
        self.model = Transformer(config.shape, config.vocab_size)
        if not config.tie_word_embeddings:
            self.lm_head = Linear(config.hidden_size, config.vocab_size, bias=False)

    def tokens(self, text: str, voice: str) -> list[int]:
        """Those after which the model begins to speak `text`."""
        assert self.tokenizer
        ids = self.tokenizer.encode(f"{voice}: {text}").ids
        return [*self.config.prompt_prefix, *ids, *self.config.prompt_suffix]

    def logits(self, hidden: mx.array, slot: int) -> mx.array:
        """(B, hidden_size) to (B, codebook_size) at this slot; at slot 0 one more, the end."""
        head = self.model.embed_tokens if self.config.tie_word_embeddings else self.lm_head
        first = self.config.audio_token_offset + slot * self.config.codebook_size
        logits = project(hidden, head, first, first + self.config.codebook_size)
        if slot:
            return logits
        end = self.config.end_of_speech_token_id
        return mx.concatenate([logits, project(hidden, head, end, end + 1)], axis=-1)

    def prompt(
        self,
        segment: Segment,
        voice: str,
        sampling: Sampling,
        keys: mx.array,
        example: Example | None = None,
    ) -> Prompt:
        return Prompt(self, self.tokens(segment.text, voice), sampling, keys)

    def batch(self, width: int = 1, cache_bits: int = 16) -> Batch:
        return Batch(self, width, cache_bits)

    def expectations(
        self, text: str, voice: str, frames: Sequence[Sequence[int]]
    ) -> list[mx.array]:
        """A slot at a time: at slot 0 also what is expected after the last frame."""
        prompt = self.tokens(text, voice)
        slots = mx.arange(SLOTS) * self.config.codebook_size + self.config.audio_token_offset
        spoken = (mx.array([*frames], dtype=mx.int32).reshape(-1, SLOTS) + slots).reshape(-1)
        tokens = mx.concatenate([mx.array(prompt, dtype=mx.int32), spoken])
        hidden = self.model(tokens[None], Cache(self.config.num_hidden_layers))[0]
        hidden = hidden[len(prompt) - 1 :]
        logits = [self.logits(hidden[slot::SLOTS], slot) for slot in range(SLOTS)]
        wide = [x.astype(mx.float32) for x in logits]
        return [x - mx.logsumexp(x, axis=-1, keepdims=True) for x in wide]
