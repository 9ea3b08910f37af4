"""CSM: text in, frames of Mimi codes out. A backbone reads text and frames, a position each, and
gives the first code of the next frame; a smaller transformer gives the other codes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlxtts.models import Example
from mlxtts.models.csm.batch import Batch, Heard, Prompt
from mlxtts.models.csm.checkpoint import sanitize
from mlxtts.models.csm.config import Config
from mlxtts.nn import Embedding, Module, mx
from mlxtts.nn.cache import Cache
from mlxtts.nn.linear import Linear
from mlxtts.nn.loading import load as load_weights
from mlxtts.nn.loading import read_checkpoint, read_tokenizer
from mlxtts.nn.sampling import Sampling
from mlxtts.nn.transformer import Stack
from mlxtts.text.frontend import Segment

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def load(folder: Path, config: Config) -> Model:
    """The model with the tokenizer and the weights in `folder`."""
    model = Model(config, read_tokenizer(folder / "tokenizer.json"))
    load_weights(model, sanitize(read_checkpoint(folder), config), folder)
    return model


class Model(Module):
    """Implements models.Model."""

    def __init__(self, config: Config, tokenizer: Tokenizer | None = None) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = tokenizer
        wide, deep = config.backbone.hidden_size, config.decoder.hidden_size
        size, books = config.codebook_size, config.num_codebooks
        self.backbone = Stack(config.backbone)
        self.decoder = Stack(config.decoder)
        self.text_embeddings = Embedding(config.text_vocab_size, wide)
        self.audio_embeddings = Embedding(size * books, wide)
        self.projection = Linear(wide, deep, bias=False)
        self.codebook0_head = Linear(wide, size, bias=False)
        self.audio_head = mx.zeros((books - 1, deep, size))

    def tokens(self, text: str, voice: str) -> list[int]:
        """Those after which the model begins to speak `text`; a voice is a speaker's number."""
        assert self.tokenizer
        ids = self.tokenizer.encode(f"[{voice}]{text}", add_special_tokens=False).ids
        return [*self.config.prompt_prefix, *ids, *self.config.prompt_suffix]

    def embed(self, codes: mx.array, place: int) -> mx.array:
        """Codes of one place in their frames, (...), to (..., hidden_size of the backbone)."""
        embedded: mx.array = self.audio_embeddings(codes + place * self.config.codebook_size)
        return embedded

    def embed_frames(self, frames: mx.array) -> mx.array:
        """(B, F, num_codebooks) to the backbone's inputs, (B, F, hidden_size)."""
        places = mx.arange(frames.shape[-1]) * self.config.codebook_size
        whole: mx.array = self.audio_embeddings(frames + places)
        return mx.sum(whole, axis=-2)

    def first_logits(self, hidden: mx.array) -> mx.array:
        """Of the first code, from the backbone's states."""
        logits: mx.array = self.codebook0_head(hidden)
        return logits

    def logits(self, x: mx.array, cache: Cache, place: int) -> mx.array:
        """Of the code at a later place, (B, codebook_size), from what the depth decoder has not
        read yet, (B, T, hidden_size of the backbone)."""
        hidden = self.decoder.run(self.projection(x), cache)[:, -1]
        return hidden @ self.audio_head[place - 1]

    def prompt(
        self,
        segment: Segment,
        voice: str,
        sampling: Sampling,
        keys: mx.array,
        example: Example | None = None,
    ) -> Prompt:
        heard = []
        if example:  # ends, as speech does, with a frame of zeros
            end = [0] * self.config.num_codebooks
            heard = [Heard(self.tokens(example.text, voice), [*example.frames, end])]
        return Prompt(self, self.tokens(segment.text, voice), sampling, keys, heard)

    def batch(self, width: int = 1, cache_bits: int = 16) -> Batch:
        return Batch(self, width, cache_bits)

    def expectations(
        self, text: str, voice: str, frames: Sequence[Sequence[int]]
    ) -> list[mx.array]:
        """First codes, and what is expected after the last frame; then the other places' codes."""
        prompt = mx.array([self.tokens(text, voice)], dtype=mx.int32)
        spoken = mx.array([*frames], dtype=mx.int32).reshape(1, -1, self.config.num_codebooks)
        x = mx.concatenate([self.text_embeddings(prompt), self.embed_frames(spoken)], axis=1)
        hidden = self.backbone.run(x, Cache(self.config.backbone.num_hidden_layers))[0]
        hidden = hidden[prompt.shape[1] - 1 :]
        first = self.first_logits(hidden)
        places = mx.arange(self.config.num_codebooks - 1) * self.config.codebook_size
        own = self.audio_embeddings(spoken[0, :, :-1] + places)
        inputs = mx.concatenate([hidden[:-1, None], own], axis=1)
        cache = Cache(self.config.decoder.num_hidden_layers, rows=len(inputs))
        deep = self.decoder.run(self.projection(inputs), cache)[:, 1:]
        others = (deep.swapaxes(0, 1) @ self.audio_head).swapaxes(0, 1)
        flat = (first, others.reshape(-1, self.config.codebook_size))
        wide = [logits.astype(mx.float32) for logits in flat]
        return [logits - mx.logsumexp(logits, axis=-1, keepdims=True) for logits in wide]
