"""Kokoro (hexgrad, 2025): text to phonemes. Its network is the codec that turns these into sound,
in mlxtts.codecs.kokoro."""

from typing import Any

from mlxtts.codecs.kokoro.voices import saved as beside
from mlxtts.models.kokoro.checkpoint import checkpoint, matrices, needed, weights
from mlxtts.models.kokoro.config import Config
from mlxtts.models.kokoro.model import Model, load

MODEL_TYPES = ("kokoro", "istftnet")
read_config = Config.read


def recognises(raw: dict[str, Any]) -> bool:
    """The published configuration does not say what it is."""
    return {"istftnet", "plbert", "vocab"} <= raw.keys()


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
