"""CSM (Sesame, 2025): a Llama that reads text and speech, and a small one that fills in the codes
of a frame of Mimi."""

from collections.abc import Iterable
from pathlib import Path

from mlxtts.models.csm.checkpoint import checkpoint, matrices, needed
from mlxtts.models.csm.config import Config, aliases
from mlxtts.models.csm.model import Model, load
from mlxtts.nn import mx
from mlxtts.nn.loading import read_checkpoint as weights

MODEL_TYPES = ("csm", "sesame")
read_config = Config.read


def beside(folder: Path) -> Iterable[tuple[str, dict[str, mx.array]]]:
    """Nothing."""
    return ()


def recognises(raw: dict[str, object]) -> bool:
    """The configurations of Sesame's package do not say their type."""
    return "backbone_flavor" in raw


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
