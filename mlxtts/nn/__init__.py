"""Building blocks on MLX, shared by the models and the codecs; none knows a model's name.

Streaming state lives outside the modules: a function takes a state and returns the next. The form
of an operation follows the device (`on_cpu`): what is one kernel on a GPU may be slow on a CPU,
where products of large matrices and few elementwise passes are fast.

MLX is imported here and taken from here by all others, so that what it finds is settled before it.
"""

from mlxtts import blas, caches

BLAS = blas.preload()
caches.make_room()

import mlx.core as mx  # noqa: E402, TID251
from mlx.nn import (  # noqa: E402, TID251
    Embedding,
    LayerNorm,
    Module,
    QuantizedEmbedding,
    QuantizedLinear,
    RMSNorm,
)
from mlx.utils import tree_flatten, tree_unflatten  # noqa: E402, TID251

__all__ = [
    "BLAS",
    "Embedding",
    "LayerNorm",
    "Module",
    "QuantizedEmbedding",
    "QuantizedLinear",
    "RMSNorm",
    "mx",
    "on_cpu",
    "on_cuda",
    "tree_flatten",
    "tree_unflatten",
]


def on_cpu() -> bool:
    """True if MLX computes on the CPU by default."""
    return bool(mx.default_device() == mx.Device(mx.cpu))


def on_cuda() -> bool:
    """True if MLX computes on a GPU of NVIDIA's by default."""
    return not on_cpu() and mx.cuda.is_available()
