"""What a Kokoro folder says of itself before its weights are loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlxtts.codecs.kokoro import voices
from mlxtts.codecs.kokoro.codec import SPEEDS
from mlxtts.codecs.kokoro.config import SAMPLE_RATE
from mlxtts.codecs.kokoro.config import Config as Network
from mlxtts.errors import ModelError

DEFAULT = "af_heart"
ISO = {
    "a": "en", "b": "en", "e": "es", "f": "fr", "h": "hi", "i": "it", "p": "pt", "j": "ja",
    "z": "zh",
}  # fmt: skip
"""The languages by the first letter of a voice: American and British English, Spanish, French,
Hindi, Italian, Portuguese, Japanese and Mandarin."""


@dataclass(frozen=True)
class Config:
    network: Network
    voices: tuple[str, ...]
    languages: tuple[str, ...] = ()
    codec: str = "kokoro"
    codec_path: str = ""  # its own folder
    sample_rate: int = SAMPLE_RATE
    tags: tuple[str, ...] = ()
    spoken_form: bool = False
    emphasis: bool = False
    segment_length: int = 400
    segment_pause: float = 0.0
    sampling: None = None
    frame_codes: int = 0
    speeds: tuple[float, float] = SPEEDS

    @classmethod
    def read(cls, folder: Path) -> Config:
        """Raises ModelError for a variant that is not implemented, or no voices."""
        network = Network.read(folder / "config.json")
        names = voices.listed(folder)
        if not names:
            raise ModelError(f"{folder}: no voices")
        names = tuple(sorted(names, key=lambda name: (name != DEFAULT, name)))
        known = (ISO[name[0]] for name in names if name[0] in ISO)
        return cls(network, names, tuple(dict.fromkeys(known)) or ("en",))

    @property
    def vocabulary(self) -> frozenset[str]:
        return frozenset(self.network.vocab)

    def parts(self, voice: str) -> tuple[str, ...]:
        return tuple(voices.parse(voice))

    def accent(self, voice: str) -> str:
        """By its first letter; American for a voice that is named otherwise."""
        letter = voice[0]
        return letter if letter in ISO else "a"

    def extra(self, voice: str, speed: float | None) -> dict[str, Any]:
        return {"voice": voice} | ({} if speed is None else {"speed": speed})

    def frame_limit(self, letters: int) -> int:
        """A segment is one frame; nothing runs on."""
        return 2
