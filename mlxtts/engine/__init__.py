"""Text to token records: `Speaker` knows a model by name, `Engine` runs it a frame at a time."""

from mlxtts.engine.engine import Engine
from mlxtts.engine.request import Request
from mlxtts.engine.speaker import Speaker
from mlxtts.engine.talk import Talk

__all__ = ["Engine", "Request", "Speaker", "Talk"]
