"""Orpheus (Canopy Labs, 2025): a Llama that speaks SNAC codes as tokens."""

from collections.abc import Iterable
from pathlib import Path

from mlxtts.models.orpheus.checkpoint import checkpoint, matrices, needed
from mlxtts.models.orpheus.config import Config
from mlxtts.models.orpheus.model import Model, load
from mlxtts.nn import mx
from mlxtts.nn.loading import read_checkpoint as weights

MODEL_TYPES = ("llama",)
read_config = Config.read


def recognises(raw: dict[str, object]) -> bool:
    """Its configurations all say their type."""
    return False


def beside(folder: Path) -> Iterable[tuple[str, dict[str, mx.array]]]:
    """Nothing."""
    return ()


def aliases(raw: dict[str, object]) -> dict[str, object]:
    """Nothing."""
    return {}


__all__ = [
    "MODEL_TYPES",
    "Config",
    "Model",
    "aliases",
    "beside",
    "checkpoint",
    "load",
    "matrices",
    "needed",
    "read_config",
    "recognises",
    "weights",
]
