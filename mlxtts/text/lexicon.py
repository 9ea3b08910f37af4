"""A user's own list of words and how they are to be pronounced.

    # comment
    Kokoro<TAB>/kˈOkəɹO/
    nginx<TAB>engine x

One word, or several, a line. Within slashes are phonemes, for models that speak those; otherwise it
is spelled as it sounds. A word may have one of each. An entry means whole words; one without
capitals means them in any case, one with capitals as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mlxtts.errors import TextError, subject

UNSPACED = "\u2e80-\u9fff\uf900-\ufaff\uff66-\uff9f\u0e00-\u0e7f\U00020000-\U0003ffff"
MARKS = "\u0300-\u036f\u0900-\u097f"  # letters to a reader, though \w leaves some out
LETTER = rf"[\w{MARKS}]"
BEFORE = rf"(?<!{LETTER})(?<!\w['\u2019])"
PHONETIC = re.compile("[\u02c8\u02cc\u02d0]")  # stress and length, which no alphabet has
AFTER = rf"(?!{LETTER})(?!['\u2019](?!s\b)\w)"  # a possessive's s may follow


@dataclass(frozen=True)
class Entry:
    word: str
    phonemes: str | None = None
    respelling: str | None = None


class Lexicon:
    """Entries by word."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._entries = {entry.word: entry for entry in entries}
        self._hash = hash(frozenset(self._entries.values()))
        found = sorted(self._entries, key=lambda word: (-len(word), word.islower(), word))
        self._pattern = re.compile("|".join(map(_pattern, found)) or r"(?!)")

    @classmethod
    def read(cls, path: str | Path | None) -> Lexicon:
        """What a file says; None: nothing. Raises TextError, which names the line, and OSError."""
        if path is None:
            return cls()
        entries: dict[str, Entry] = {}
        with subject(str(path)):
            for number, line in enumerate(Path(path).read_bytes().split(b"\n"), 1):
                try:
                    entry = _entry(line)
                    if entry:
                        entries[entry.word] = _both(entries.get(entry.word), entry)
                except TextError as error:
                    raise TextError(f"line {number}: {error}") from None
        return cls(entries.values())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lexicon) and self._entries == other._entries

    def __hash__(self) -> int:
        return self._hash

    def __bool__(self) -> bool:
        return bool(self._entries)

    def find(self, text: str) -> Iterator[tuple[int, int, Entry]]:
        """The entries in `text`, from where to where, the longest where several begin."""
        for match in self._pattern.finditer(text):
            word = " ".join(match[0].split())
            entry = self._entries.get(word) or self._entries[word.lower()]
            yield match.start(), match.end(), entry

    def respellings(self, text: str) -> Iterator[tuple[int, int, str]]:
        """What is to stand in `text`, from where to where, for one who only reads letters."""
        for start, end, entry in self.find(text):
            if entry.respelling:
                yield start, end, entry.respelling


def _pattern(word: str) -> str:
    before = "" if re.match(rf"[{UNSPACED}]|\W", word) else BEFORE
    after = "" if re.search(rf"[{UNSPACED}]$|(?!{LETTER})\W$", word) else AFTER
    letters = r"\s+".join(map(re.escape, word.split()))
    return f"{before}{letters if word != word.lower() else f'(?i:{letters})'}{after}"


def _entry(line: bytes) -> Entry | None:
    try:
        text = line.decode("utf-8-sig").strip("\r\n ")
    except UnicodeDecodeError:
        raise TextError("not UTF-8") from None
    if not text.strip() or text.startswith("#"):
        return None
    word, *rest = (" ".join(field.split()) for field in text.split("\t"))
    if len(rest) != 1:
        raise TextError(f"not a word, a tab and how it sounds: {text!r}")
    what = rest[0]
    if not word or not what or "\0" in text:
        raise TextError(f"{'how it sounds' if word else 'the word'} is missing: {text!r}")
    if not what.startswith("/") and not PHONETIC.search(what):
        return Entry(word, respelling=what)
    if len(what) < 3 or not what.startswith("/") or not what.endswith("/"):
        raise TextError(f"phonemes are within two slashes: {what!r}")
    return Entry(word, phonemes=what[1:-1].strip())


def _both(known: Entry | None, new: Entry) -> Entry:
    if known is None:
        return new
    if (known.phonemes and new.phonemes) or (known.respelling and new.respelling):
        raise TextError(f"{new.word!r} has been said already")
    return replace(
        known,
        phonemes=known.phonemes or new.phonemes,
        respelling=known.respelling or new.respelling,
    )
