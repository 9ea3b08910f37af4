"""Text to phonemes, in the symbols of misaki, for the languages that a model names by a letter.

    g2p = load("a", lexicon)
    words = g2p.words("Hello [Kokoro](/kˈOkəɹO/).")
    for piece in split(words): ...

What a language needs is installed with an extra of mlxtts, and imported when it is loaded.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, Protocol

from mlxtts.errors import UsageError
from mlxtts.text.lexicon import Lexicon
from mlxtts.text.phonemes.source import Mark, Part, Source, Token, parts
from mlxtts.text.phonemes.word import LIMIT, Word, split, string, unspoken

__all__ = ["G2P", "LANGUAGES", "LIMIT", "Word", "letter_of", "load", "split", "string", "unspoken"]

LANGUAGES: dict[str, tuple[str, tuple[str, ...], str, str, dict[str, Any]]] = {
    "a": ("American English", ("en-us", "en"), "en", "english.English", {"british": False}),
    "b": ("British English", ("en-gb",), "en", "english.English", {"british": True}),
    "e": ("Spanish", ("es",), "espeak", "espeak.Espeak", {"name": "es"}),
    "f": ("French", ("fr-fr", "fr"), "espeak", "espeak.Espeak", {"name": "fr-fr"}),
    "h": ("Hindi", ("hi",), "espeak", "espeak.Espeak", {"name": "hi"}),
    "i": ("Italian", ("it",), "espeak", "espeak.Espeak", {"name": "it"}),
    "p": ("Brazilian Portuguese", ("pt-br", "pt"), "espeak", "espeak.Espeak", {"name": "pt-br"}),
    "j": ("Japanese", ("ja",), "ja", "japanese.Japanese", {}),
    "z": ("Mandarin", ("zh", "zh-cn"), "zh", "mandarin.Mandarin", {}),
}
"""Of each letter: the language, its other names, the extra that it needs, and what reads it."""


class Language(Protocol):
    def rewrite(self, text: str) -> list[Part]:
        """A text in parts, with something else to be said where it must not be read as it is
        written."""

    def tokens(self, said: str, marks: Sequence[Mark]) -> list[Token]:
        """The sounds of a text that has been rewritten. `marks`: what is given of it."""


class G2P:
    """A language and a user's lexicon."""

    def __init__(self, language: Language, lexicon: Lexicon) -> None:
        self._language = language
        self._lexicon = lexicon

    def words(self, text: str) -> list[Word]:
        """How a text sounds, in the markup of which pronunciations may stand. Every sign of it is
        in one of the words; a word that cannot be said has no phonemes."""
        found = []
        for part in parts(text, self._lexicon):
            found += self._language.rewrite(part.said) if part.plain else [part]
        source = Source(found)
        return source.words(self._language.tokens(source.said, source.marks))


def load(language: str, lexicon: Lexicon | None = None) -> G2P:
    """The language with this letter or name. Raises UsageError if there is none, or if it is not
    installed."""
    letter = letter_of(language)
    name, _, extra, reader, options = LANGUAGES[letter]
    module, kind = reader.split(".")
    try:
        read = getattr(importlib.import_module(f"mlxtts.text.phonemes.{module}"), kind)
        return G2P(read(**options), lexicon or Lexicon())
    except (ImportError, OSError, RuntimeError) as error:  # the last two: of espeak-ng's library
        reason = f"{name} is not installed: pip install 'mlxtts[{extra}]' ({error})"
        raise UsageError(reason) from None


def letter_of(language: str) -> str:
    """The letter of a language by any of its names. Raises UsageError."""
    wanted = language.lower().replace("_", "-")
    for letter, (_, names, *_) in LANGUAGES.items():
        if wanted == letter or wanted in names:
            return letter
    known = ", ".join(f"{letter} ({names[0]})" for letter, (_, names, *_) in LANGUAGES.items())
    raise UsageError(f"language {language!r}: unknown; the languages are {known}")
