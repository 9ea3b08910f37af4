"""Text to token records and to sound: `Speaker` knows a model by name, `Engine` runs it a frame at
a time, `Synthesis` its codec with it."""

from mlxtts.engine.engine import Engine
from mlxtts.engine.reading import Reading
from mlxtts.engine.request import Request
from mlxtts.engine.speaker import Speaker
from mlxtts.engine.synthesis import Sound, Synthesis
from mlxtts.engine.talk import Talk

__all__ = ["Engine", "Reading", "Request", "Sound", "Speaker", "Synthesis", "Talk"]
