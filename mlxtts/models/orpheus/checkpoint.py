"""An Orpheus checkpoint: Hugging Face's names and matrices, this model's, and which may be
quantised."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlxtts.models.orpheus.config import Config
from mlxtts.nn import mx
from mlxtts.nn.quantization import Tensor, gather, plain
from mlxtts.nn.recipes import Matrix
from mlxtts.nn.transformer import check_parts, fuse, turn, unfuse, unturn
from mlxtts.nn.transformer import matrices as of_blocks

if TYPE_CHECKING:
    from mlxtts.models.orpheus.model import Model

EMBEDDING, HEAD = "model.embed_tokens", "lm_head"


def sanitize(weights: dict[str, mx.array], config: Config) -> dict[str, Tensor]:
    """Hugging Face's tensors to this model's."""
    tensors = gather(needed(weights, config), config.quantization)
    check_parts(tensors, config.shape, "model")
    return fuse(turn(tensors, config.shape.head_dim))


def needed(weights: dict[str, mx.array], config: Config) -> dict[str, mx.array]:
    """Those that the model is made of. Older Llamas bring the frequencies of their rotary
    positions, and some tied ones a head."""
    tied = rf"|{HEAD}\..*" if config.tie_word_embeddings else ""
    unused = r".*\.rotary_emb\.inv_freq" + tied
    return {name: w for name, w in weights.items() if not re.fullmatch(unused, name)}


def matrices(config: Config) -> list[Matrix]:
    """The matrices of a checkpoint that may be quantised."""
    ends = [Matrix(EMBEDDING, "embedding")]
    if not config.tie_word_embeddings:
        ends.append(Matrix(HEAD, "head"))
    return ends + of_blocks(config.shape, "model")


def checkpoint(model: Model) -> dict[str, mx.array]:
    """The tensors of a model as Hugging Face has them, none of them quantised."""
    shape = model.config.shape
    return unturn(unfuse(plain(model), shape), shape.head_dim)
