"""A Kokoro checkpoint as mlxtts.quantize wants to see it, and as mlx-audio reads quantised ones:
with convolutions of (out, taps, in)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlxtts.codecs.kokoro.checkpoint import named, weights
from mlxtts.codecs.kokoro.network import Network
from mlxtts.errors import UsageError
from mlxtts.models.kokoro.config import Config
from mlxtts.nn import Embedding, mx
from mlxtts.nn.linear import Linear
from mlxtts.nn.recipes import Matrix

if TYPE_CHECKING:
    from mlxtts.models.kokoro.model import Model

__all__ = ["checkpoint", "matrices", "needed", "weights"]


def needed(weights: dict[str, mx.array], config: Config) -> dict[str, mx.array]:
    """All but what has no numbers of its own. mlx-audio's, and quantised ones, are turned."""
    turned = any(name.endswith(("Wx_forward", ".scales")) for name in weights)
    return {
        name: tensor if turned or not _convolves(name, tensor) else tensor.transpose(0, 2, 1)
        for name, tensor in named(weights).items()
        if "position_ids" not in name
    }


def _convolves(name: str, tensor: mx.array) -> bool:
    return tensor.ndim == 3 and name.endswith((".weight_v", ".weight"))


def matrices(config: Config) -> list[Matrix]:
    """Those of linear layers and embeddings."""
    modules = Network(config.network).named_modules()
    return [Matrix(name) for name, part in modules if isinstance(part, (Linear, Embedding))]


def checkpoint(model: Model) -> dict[str, mx.array]:
    raise UsageError("a Kokoro in memory has no checkpoint: quantise its folder")
