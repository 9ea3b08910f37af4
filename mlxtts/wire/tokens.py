"""Token lines: a codec's frames as one JSON object a line (mlxtts-tokens(5)).

    {"mlxtts":1,"codec":"snac","codec_path":"starter","model":"starter","voice":"slt","rate":24000,"seed":7}
    {"id":"1","begin":{"text":"Hello world."}} {"id":"1","codes":[417,2,995,16,31,400,12]}
    {"id":"1","end":"stop"}

A frame is a list of numbers or a string of symbols, as in {"id":"1","codes":"həlˈO wˈɜɹld."}. This
module knows the shape of a line and the order of lines. What the codes mean, how many make a frame
and how large they may be is the codec's business.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from mlxtts.errors import TokensError
from mlxtts.wire.pcm0 import RATES

VERSION = 1
MAX_LINE = 1 << 20
MAX_CODES = 4096
MAX_CODE = (1 << 31) - 1
MAX_PAUSE = 60.0
REASONS = ("stop", "length", "cancel")


@dataclass(frozen=True, slots=True)
class Header:
    """What the lines that follow were made with, and the codec that turns them into sound."""

    codec: str
    codec_path: str
    rate: int
    model: str = ""
    voice: str = ""
    seed: int = 0
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Begin:
    """An utterance begins. `pause`: seconds of silence before it; `extra`: what else its codec
    wants to know."""

    id: str
    text: str = ""
    pause: float = 0.0
    extra: dict[str, Any] = field(default_factory=dict)
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Codes:
    """One frame of an utterance: numbers or symbols. `text`, if given, is the piece of its text
    whose speech begins here; `pause`: seconds of silence before it; `words`: what is written for
    each group of symbols between spaces, "" for one that goes on with the word before."""

    id: str
    codes: tuple[int, ...] | str
    text: str | None = None
    pause: float = 0.0
    words: tuple[str, ...] = ()
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class End:
    """An utterance ends, because the model stopped, ran into its limit (`length`) or was told to
    (`cancel`)."""

    id: str
    reason: str = "stop"
    line: int = field(default=0, compare=False)


Record = Header | Begin | Codes | End


def encode(record: Record) -> bytes:
    """One line, newline included."""
    return json.dumps(_plain(record), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _plain(record: Record) -> dict[str, Any]:
    if isinstance(record, Header):
        return {
            "mlxtts": VERSION,
            "codec": record.codec,
            "codec_path": record.codec_path,
            "model": record.model,
            "voice": record.voice,
            "rate": record.rate,
            "seed": record.seed,
        }
    if isinstance(record, Begin):
        pause = {"pause": record.pause} if record.pause else {}
        return {"id": record.id, "begin": {"text": record.text, **pause, **record.extra}}
    if isinstance(record, Codes):
        codes = record.codes if isinstance(record.codes, str) else list(record.codes)
        line: dict[str, Any] = {"id": record.id, "codes": codes}
        if record.text is not None:
            line["text"] = record.text
        if record.pause:
            line["pause"] = record.pause
        if record.words:
            line["words"] = list(record.words)
        return line
    return {"id": record.id, "end": record.reason}


class Reader:
    """Push parser: `feed` returns an iterator over the records of the lines completed by the bytes
    given.

    The iterator raises TokensError, with the line number, for a line that is longer than 1 MiB, not
    UTF-8, not JSON or not one of the four kinds, for values of the wrong type, and for lines out of
    order: frames before the header or outside their utterance. `open` holds the ids that have begun
    and not ended. Unknown keys are ignored.
    """

    def __init__(self) -> None:
        self.line = 0
        self.open: set[str] = set()
        self._buffer = bytearray()
        self._header = False

    def feed(self, data: bytes) -> Iterator[Record]:
        self._buffer += data
        return self._records()

    def close(self) -> Iterator[Record]:
        """Say that the stream has ended: yields the record of a last line without newline, then
        raises TokensError if an utterance has no end."""
        if self._buffer:
            yield from self.feed(b"\n")
        if self.open:
            names = ", ".join(sorted(self.open))
            raise TokensError(self.line, f"the stream breaks off inside utterance {names}")

    def read(self, stream: Iterable[bytes]) -> Iterator[Record]:
        """All records of a stream, which must have some."""
        for data in stream:
            yield from self.feed(data)
        yield from self.close()
        if not self._header:
            raise TokensError(1, "the stream is empty")

    def _records(self) -> Iterator[Record]:
        while (end := self._buffer.find(b"\n", 0, MAX_LINE + 1)) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self.line += 1
            if line.strip():
                record = _Line(line, self.line).record()
                self._check_order(record)
                yield record
        if len(self._buffer) > MAX_LINE:
            raise TokensError(self.line + 1, f"longer than {MAX_LINE} bytes")

    def _check_order(self, record: Record) -> None:
        if isinstance(record, Header):
            if self.open:
                raise TokensError(self.line, "a header inside an utterance")
            self._header = True
        elif not self._header:
            raise TokensError(self.line, 'no header: the first line must begin {"mlxtts":1,')
        elif isinstance(record, Begin):
            if record.id in self.open:
                raise TokensError(self.line, f"utterance {record.id} begins twice")
            self.open.add(record.id)
        elif record.id not in self.open:
            raise TokensError(self.line, f"utterance {record.id} has not begun")
        elif isinstance(record, End):
            self.open.remove(record.id)


class _Line:
    """One line on its way to a record; knows its number, so that each complaint names it."""

    def __init__(self, line: bytes, number: int) -> None:
        self.number = number
        try:
            value = json.loads(line.decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise self.error("not UTF-8") from None
        except (ValueError, RecursionError):
            raise self.error("not JSON") from None
        if not isinstance(value, dict):
            raise self.error("not a JSON object")
        self.object: dict[str, Any] = value

    def error(self, reason: str) -> TokensError:
        return TokensError(self.number, reason)

    def record(self) -> Record:
        if "mlxtts" in self.object:
            return self.header()
        if "begin" in self.object:
            return self.begin()
        if "codes" in self.object:
            return self.codes()
        if "end" in self.object:
            return self.end()
        raise self.error("neither a header nor begin, codes or end of an utterance")

    def header(self) -> Header:
        if self.integer(self.object, "mlxtts") != VERSION:
            version = self.object["mlxtts"]
            raise self.error(f"format version {version} is not known (this is version {VERSION})")
        head = self.object
        if self.integer(head, "rate") not in RATES:
            raise self.error(f"rate must be {RATES.start} to {RATES.stop - 1} Hz")
        return Header(
            codec=self.string(head, "codec"),
            codec_path=self.string(head, "codec_path"),
            rate=head["rate"],
            model=self.string(head, "model", ""),
            voice=self.string(head, "voice", ""),
            seed=self.integer(head, "seed", 0),
            line=self.number,
        )

    def begin(self) -> Begin:
        begin = self.object["begin"]
        if not isinstance(begin, dict):
            raise self.error("begin must be an object")
        extra = {key: value for key, value in begin.items() if key not in ("text", "pause")}
        return Begin(
            self.id(), self.string(begin, "text", ""), self.pause(begin), extra, self.number
        )

    def codes(self) -> Codes:
        rest = self.string(self.object, "text", None), self.pause(self.object), self.words()
        return Codes(self.id(), self.frame(), *rest, self.number)

    def frame(self) -> tuple[int, ...] | str:
        codes = self.object["codes"]
        if not isinstance(codes, list | str) or not 1 <= len(codes) <= MAX_CODES:
            raise self.error(
                f"codes must be a list of 1 to {MAX_CODES} numbers, or so many symbols"
            )
        if isinstance(codes, str):
            return str(self.string(self.object, "codes"))
        for code in codes:
            if type(code) is not int or not 0 <= code <= MAX_CODE:
                raise self.error(f"{_short(code)} is not a code")
        return tuple(codes)

    def words(self) -> tuple[str, ...]:
        words = self.object.get("words", [])
        if isinstance(words, list) and all(type(w) is str and _is_unicode(w) for w in words):
            return tuple(words)
        raise self.error("words must be a list of strings")

    def end(self) -> End:
        reason = self.object["end"]
        if reason not in REASONS:
            raise self.error(f"end must be one of {', '.join(REASONS)}")
        return End(self.id(), reason, self.number)

    def id(self) -> str:
        value: str = self.string(self.object, "id")
        return value

    def string(self, of: dict[str, Any], key: str, default: Any = ...) -> Any:
        value = of.get(key, default)
        if value is ...:
            raise self.error(f"no {key}")
        if not isinstance(value, str) and value is not default:
            raise self.error(f"{key} must be a string")
        if value and not _is_unicode(value):
            raise self.error(f"{key} holds half a surrogate pair")
        return value

    def integer(self, of: dict[str, Any], key: str, default: Any = ...) -> int:
        value = of.get(key, default)
        if value is ...:
            raise self.error(f"no {key}")
        if type(value) is not int:
            raise self.error(f"{key} must be a whole number")
        return value

    def pause(self, of: dict[str, Any]) -> float:
        value = of.get("pause", 0)
        if type(value) not in (int, float) or not 0 <= value <= MAX_PAUSE:
            raise self.error(f"pause must be 0 to {MAX_PAUSE:g} seconds")
        return float(value)


def _is_unicode(text: str) -> bool:
    """False for a lone surrogate, which JSON can spell and UTF-8 cannot."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 24 else text[:21] + "..."
