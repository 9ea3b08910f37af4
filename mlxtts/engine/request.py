"""What an engine is asked to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlxtts.models import Example
from mlxtts.nn.sampling import Sampling
from mlxtts.text.frontend import Segment


@dataclass(frozen=True)
class Request:
    """One utterance.

    segments: its text in pieces, each short enough for the model, in the form that it speaks.
    pause: seconds of silence before it, beside those that its first segment wants.
    name: what it is drawn by beside the seed, where that must be another than its id.
    max_frames: limit for each segment, in place of the model's own.
    extra: what its codec wants to know, see wire.tokens.Begin.
    example: whose voice it is to be said in, for a model that can take one.
    """

    id: str
    text: str
    segments: tuple[Segment, ...]
    voice: str
    sampling: Sampling
    seed: int
    pause: float = 0.0
    max_frames: int | None = None
    name: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    example: Example | None = None
