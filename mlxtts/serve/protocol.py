"""What client and server say to each other: mlxtts-ws(7), sans-I/O.

This module knows the messages, their types and ranges. It knows no socket, no model and no stream:
whether a message makes sense now, and whether a voice exists, is for others to say.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from mlxtts.errors import MlxttsError

FORMATS = ("pcm0", "base64")
STARTS = ("start", "start_orpheus_stream")


class ProtocolError(MlxttsError):
    """What a client is told in an `error` message; `more` are further keys of it."""

    def __init__(self, code: str, reason: str, **more: Any) -> None:
        super().__init__(reason)
        self.code = code
        self.more = more


@dataclass(frozen=True)
class Start:
    """Begin a stream. `text` is all of it; None: it follows in pieces. None elsewhere: not said."""

    text: str | None = None
    voice: str | None = None
    model_path: str | None = None
    speed: float | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    chunk_tokens: int | None = None
    ultra_low_latency: bool = False
    output_chunk_duration_ms: float | None = None
    respect_source_boundaries: bool = False
    crossfade_ms: float = 0.0
    format: str = "pcm0"


@dataclass(frozen=True)
class Text:
    """A piece of the text of the stream that has been started without."""

    text: str


@dataclass(frozen=True)
class End:
    """All its text has been sent."""


@dataclass(frozen=True)
class Stop:
    """Say no more of it."""


@dataclass(frozen=True)
class Status:
    """Ask for `status`."""


Message = Start | Text | End | Stop | Status

NUMBERS: dict[str, tuple[type, float, float]] = {
    "speed": (float, 0.5, 2),
    "temperature": (float, 0, 100),
    "top_k": (int, 0, 1 << 31),
    "top_p": (float, 0, 1),
    "min_p": (float, 0, 1),
    "repetition_penalty": (float, 0.1, 10),
    "max_tokens": (int, 1, 1 << 20),
    "seed": (int, -(1 << 63), (1 << 63) - 1),
    "chunk_tokens": (int, 1, 1 << 16),
    "output_chunk_duration_ms": (float, 1, 10_000),
    "crossfade_ms": (float, 0, 1000),
}
"""Options that are numbers: their type, the least and the most."""
FLAGS = ("ultra_low_latency", "respect_source_boundaries")
WORDS = ("voice", "model_path", "format")


def parse(data: str | bytes) -> Message:
    """What a client sent. Unknown keys mean nothing, null is as if it were not there. Raises
    ProtocolError."""
    message = keys(data)
    kind = message.get("type")
    if kind in STARTS:
        return start(message)
    if kind == "text":
        return Text(string(message, "text"))
    if kind == "end":
        return End()
    if kind == "stop_stream":
        return Stop()
    if kind == "get_status":
        return Status()
    raise ProtocolError(
        "type", f"type must be {', '.join(STARTS)}, text, end, stop_stream or get_status"
    )


def keys(data: str | bytes) -> dict[str, Any]:
    """What a JSON object says, but null. Raises ProtocolError."""
    if not isinstance(data, str):
        raise ProtocolError("json", "a binary message, where JSON text is expected")
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        raise ProtocolError("json", "not JSON") from None
    if not isinstance(message, dict):
        raise ProtocolError("json", "not a JSON object")
    return {key: value for key, value in message.items() if value is not None}


def start(message: dict[str, Any]) -> Start:
    """What these keys ask for. Raises ProtocolError."""
    found: dict[str, Any] = {}
    if "text" in message:
        found["text"] = string(message, "text")
    found |= {name: string(message, name) for name in WORDS if name in message}
    found |= {name: _number(message, name) for name in NUMBERS if name in message}
    found |= {name: _flag(message, name) for name in FLAGS if name in message}
    if found.get("format", FORMATS[0]) not in FORMATS:
        raise wrong("format", f"must be {' or '.join(FORMATS)}")
    if found.get("top_p") == 0:
        raise wrong("top_p", "must be above 0")
    return Start(**found)


def string(message: dict[str, Any], name: str) -> str:
    """Raises ProtocolError if it is none, or holds what no text can."""
    value = message.get(name)
    if not isinstance(value, str):
        raise wrong(name, "must be a string")
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value):
        raise wrong(name, "holds a NUL or half a surrogate pair")
    return value


def _number(message: dict[str, Any], name: str) -> float:
    kind, least, most = NUMBERS[name]
    value = message[name]
    if type(value) is float and kind is int and value.is_integer():
        value = int(value)  # JavaScript writes 7 and 7.0 alike
    if type(value) not in (int, kind):
        raise wrong(name, f"must be a {'whole ' if kind is int else ''}number")
    if not least <= value <= most:  # nor is it NaN
        raise wrong(name, f"must be {least} to {most}")
    return kind(value)  # type: ignore[no-any-return]


def _flag(message: dict[str, Any], name: str) -> bool:
    value = message[name]
    if not isinstance(value, bool):
        raise wrong(name, "must be true or false")
    return value


def wrong(name: str, reason: str) -> ProtocolError:
    """What is wrong with an option."""
    return ProtocolError("option", f"{name}: {reason}", option=name)


def encode(kind: str, **keys: Any) -> str:
    """A message of the server's."""
    return json.dumps({"type": kind, **keys}, ensure_ascii=False, separators=(",", ":"))


def error(problem: ProtocolError) -> str:
    return encode("error", code=problem.code, message=str(problem), **problem.more)


def audio_chunk(session: str, index: int, rate: int, samples: bytes) -> str:
    """Sound in the older form: mono float32, little-endian, in base64."""
    return encode(
        "audio_chunk",
        session_id=session,
        index=index,
        sample_rate=rate,
        channels=1,
        num_samples=len(samples) // 4,
        data=base64.b64encode(samples).decode(),
    )
