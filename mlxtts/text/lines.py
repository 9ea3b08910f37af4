"""Lines of text to utterances: what mlxtts-tokens reads."""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mlxtts.errors import TextError

MAX_LINE = 1 << 20
PAUSE = 0.5  # seconds for an empty line; twice as long between scenes
MAX_PAUSE = 5.0
SCENES = re.compile(r"([*#_=~+•·–—-])(\s*\1)+|[*#•⁂❦§]")


@dataclass(frozen=True)
class Utterance:
    """What to say. `voice` is None for the default; `pause`: seconds of silence before it."""

    id: str
    text: str
    voice: str | None = None
    pause: float = 0.0


@dataclass(frozen=True)
class Line:
    """A line with something in it. `number` counts all lines, `ordinal` those that say something;
    `data` is None for a line that is too long; `pause` comes from the empty lines before, and those
    that part scenes."""

    number: int
    ordinal: int
    data: bytes | None
    pause: float

    def plain(self) -> Utterance:
        """The line as it stands, called by its ordinal. Raises TextError."""
        if self.data is None:
            raise TextError(f"longer than {MAX_LINE} bytes")
        try:
            text = self.data.decode().strip()
        except UnicodeDecodeError:
            raise TextError("not UTF-8") from None
        return Utterance(str(self.ordinal), text, None, self.pause)

    def utterance(self) -> Utterance:
        """The line as it stands, or as a JSON object with `text` and, if wanted, `id` and `voice`;
        null is nothing. Raises TextError."""
        plain = self.plain()
        if not plain.text.startswith("{"):
            return plain
        try:
            value = json.loads(plain.text)
        except (ValueError, RecursionError):
            raise TextError("begins with { but is not JSON") from None
        value = {key: part for key, part in value.items() if part is not None}
        if type(value.get("id")) is int:
            value["id"] = str(value["id"])
        return Utterance(
            _string(value, "id", str(self.ordinal)),
            _string(value, "text"),
            _string(value, "voice") if "voice" in value else None,
            self.pause,
        )


def parts_scenes(text: str) -> bool:
    """Whether a line is nothing but the signs that stand between scenes, such as * * * and ---."""
    return bool(SCENES.fullmatch(text.strip()))


def read(stream: Iterable[bytes]) -> Iterator[Line]:
    """The lines of a stream that have something to say, each as soon as it is complete. Raises
    TextError if there is none. A byte order mark, which a file may begin with, is nothing."""
    ordinal = 0
    pause = 0.0
    for number, whole in enumerate(_split(stream), 1):
        data = whole and whole.removeprefix(BOM_UTF8)
        if data is not None and (empty := _empty(data)):
            pause = min(pause + empty * PAUSE, MAX_PAUSE)
            continue
        ordinal += 1
        yield Line(number, ordinal, data, pause)
        pause = 0.0
    if not ordinal:
        raise TextError("no text")


def _empty(data: bytes) -> int:
    """How many empty lines this one stands for."""
    return 2 * parts_scenes(data.decode(errors="replace")) if data.strip() else 1


def _split(stream: Iterable[bytes]) -> Iterator[bytes | None]:
    """The lines of a stream; None in place of one that is too long."""
    rest: bytes | None = b""
    for data in stream:
        *lines, tail = data.split(b"\n")
        for line in lines:
            yield _joined(rest, line)
            rest = b""
        rest = _joined(rest, tail)
    if rest != b"":
        yield rest


def _joined(rest: bytes | None, data: bytes) -> bytes | None:
    return None if rest is None or len(rest) + len(data) > MAX_LINE else rest + data


def _string(value: dict[str, object], key: str, default: str | None = None) -> str:
    text = value.get(key, default)
    if not isinstance(text, str):
        raise TextError(f"no {key}" if text is None else f"{key} must be a string")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise TextError(f"{key} holds half a surrogate pair")
    return text
