"""Parts of speech of English words, as far as their sound depends on them.

A word that is in the tables has its tag from there, another from its form; a word that can be a
verb, a noun or an adjective (to present, a present, present) from those beside it. This is no
parser: it weighs the neighbours, and is right in nine of ten cases.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from mlxtts.text.phonemes import tagger_tables as tables
from mlxtts.text.phonemes.tagger_cases import CASES

PUNCTUATION = {
    **dict.fromkeys(".?!", "."), **dict.fromkeys(("...", "…", ";", ":", "--", "—", "–", "-"), ":"),
    ",": ",", "(": "-LRB-", "[": "-LRB-", "{": "-LRB-", ")": "-RRB-", "]": "-RRB-", "}": "-RRB-",
    "“": "``", "‘": "``", "”": "''", "’": "''", "''": "''", "``": "``",
    "$": "$", "€": "$", "£": "$", "#": "#", "+": "SYM", "=": "SYM", "%": "NN", "@": "IN",
}  # fmt: skip
SUFFIXES = (
    (r"ly$", "RB"),
    (r"(?:ous|ful|ive|able|ible|ical|less|ish|ary|ic)$", "JJ"),
    (r"(?:tion|sion|ment|ness|ity|ance|ence|ship|hood|ism|ist|ture|logy)$", "NN"),
    (r"(?:tions|sions|ments|nesses|ities|ances|ences|isms|ists|tures|ers|ors)$", "NNS"),
    (r".{2}ing$", "VBG"),
    (r".{2}ed$", "VBD"),
)  # fmt: skip
Ambiguous = Callable[[str], bool]


def tags(words: Sequence[str], ambiguous: Ambiguous) -> list[str]:
    """The Penn tag of each word of a text. `ambiguous`: whether the sound of a word depends on it,
    so that its form must not decide."""
    sentence = Sentence(words, ambiguous)
    for at in range(len(words)):
        sentence.decide(at)
    return sentence.tags


class Sentence:
    """Tags are decided from left to right; a tag of `?` is one to be decided."""

    def __init__(self, words: Sequence[str], ambiguous: Ambiguous) -> None:
        self.words = words
        self.low = [word.lower().replace("’", "'") for word in words]
        self._ambiguous = ambiguous
        self.tags: list[str] = []
        for at in range(len(words)):
            self.tags.append(self._first(at))

    def decide(self, at: int) -> None:
        word = self.low[at]
        special = CASES.get(word)
        if special:
            self.tags[at] = special(self, at)
        elif self.tags[at] == "?":
            self.tags[at] = self._weigh(at)
        elif word == "her" and not self._open(at + 1):
            self.tags[at] = "PRP"
        elif self.tags[at] == "VB" and self.tag(at - 1) in ("DT", "PRP$", "JJ", "CD"):
            self.tags[at] = "NN"  # a plan, my hope

    def _first(self, at: int) -> str:
        word, low = self.words[at], self.low[at]
        if low in ('"', "'"):
            return "``" if self.words[:at].count(word) % 2 == 0 else "''"
        if low in PUNCTUATION or re.fullmatch(r"[.?!]+", low):
            return PUNCTUATION.get(low, ".")
        if re.fullmatch(r"[*_`^|\\~\"]+", low):
            return "NFP"
        if re.match(r"[-+]?[\d.,]*\d", low):
            return "CD"
        if self._name(at):
            return "NNP"
        if low in tables.TAGS and (low in tables.FIRM or not self._ambiguous(low)):
            return tables.TAGS[low]
        if self._ambiguous(low):
            return "?"
        return next((tag for suffix, tag in SUFFIXES if re.search(suffix, low)), "?")

    def _name(self, at: int) -> bool:
        """Whether it has a capital that is not the sentence's."""
        word, following = self.words[at], self.words[at + 1 : at + 2]
        if not word[:1].isupper() or word == "I":
            return False
        if word == "A":  # the letter, in a row of letters or with nothing to belong to
            after = following[0] if following else ""
            letter = len(after) == 1 and after.isupper()
            return letter or not after[:1].isalpha() or after.lower() in tables.BE
        if len(word) > 1 and word.isupper():
            return self.low[at] not in tables.TAGS or self.low[at] in ("it", "us", "who")
        return not self.begins(at)

    def begins(self, at: int) -> bool:
        """Whether a sentence, or what somebody says, begins here."""
        return at == 0 or self.tags[at - 1] in (".", ":", "``", "''", "-LRB-")

    def _open(self, at: int) -> bool:
        """Whether there is a word that can be a thing or what a thing is like."""
        return at < len(self.tags) and self.tags[at][:2] in ("?", "NN", "JJ", "CD", "VB", "RB")

    def tag(self, at: int) -> str:
        return self.tags[at] if 0 <= at < len(self.tags) else "."

    def word(self, at: int) -> str:
        return self.low[at] if 0 <= at < len(self.low) else ""

    def before(self, at: int) -> int:
        """The place before, adverbs apart."""
        at -= 1
        while at > 0 and self.tags[at] in ("RB", "NFP") and self.low[at] not in ("n't", "not"):
            at -= 1
        return at

    def asked(self, at: int) -> bool:
        """Whether the verb here belongs to a do or a modal before its subject, or after it."""
        for place in range(at - 1, max(at - 6, -1), -1):
            if self.low[place] in tables.DO or self.tags[place] == "MD":
                return True
            if self.tags[place] in (".", ",", ":", "IN", "TO", "VBD", "VBG", "CC"):
                return False
        return False

    def _weigh(self, at: int) -> str:
        verb, noun, adjective = (
            sum(given) for given in zip(self._left(at), self._right(at), (0, 0.5, 0.4), strict=True)
        )
        if verb > noun and verb > adjective:
            return self._verb(at)
        plural = _ends_in_s(self.low[at])
        if noun >= adjective or plural:
            return "NNS" if plural else "NN"
        return "JJ"

    def _verb(self, at: int) -> str:
        left = self.before(at)
        word = self.low[at]
        if self.word(left) in tables.BE or self.word(left) in tables.HAVE:
            return "VBN"
        if self.tag(left) in ("TO", "MD") or self.asked(at) or self.begins(at):
            return "VB"
        if word in tables.PASTS:
            return "VBD"
        return "VBZ" if _ends_in_s(word) else "VBP"

    def _left(self, at: int) -> tuple[float, float, float]:
        """What is before it says for a verb, a noun, an adjective."""
        place = self.before(at)
        word, tag = self.word(place), self.tag(place)
        if self.begins(at) or word == "please":
            return self._opening(at)
        for applies, weights in LEFT:
            if applies(self, place, word, tag):
                return weights
        if tag == "CC":
            return self._alike(place)
        if tag.startswith("NN"):
            return self._after_noun(at, place)
        return 0, 0, 0

    def _opening(self, at: int) -> tuple[float, float, float]:
        following = self.tag(at + 1)
        if following in ("DT", "PRP", "PRP$") or self.word(at + 1) in tables.OBJECTS:
            return 3, 0, 0
        if following in ("NN", "NNS", "?", "JJ"):
            return 1.2, 0, 1
        return 0, 1, 0

    def _alike(self, place: int) -> tuple[float, float, float]:
        """After "and" comes what was before it."""
        tag = self.tag(place - 1)
        return 2 * tag.startswith("VB"), 2 * tag.startswith("NN"), 2 * tag.startswith("JJ")

    def _after_noun(self, at: int, place: int) -> tuple[float, float, float]:
        """A verb agrees with its subject, if that is what the noun is."""
        plural = self.tag(place) in ("NNS", "NNPS") or self.word(place) in ("people", "children")
        agrees = plural != _ends_in_s(self.low[at])
        if self.low[at] in tables.PASTS:
            agrees = True
        inside = self.tag(place - 1) == "IN" and place == at - 1 and not plural
        apart = 1.5 * (place < at - 1)  # by an adverb
        return (2.2 if agrees else 0.5) - inside + apart, 1.5, 0

    def _right(self, at: int) -> tuple[float, float, float]:
        """What is after it says for a verb, a noun, an adjective."""
        word, tag = self.word(at + 1), self.tag(at + 1)
        for applies, weights in RIGHT:
            if applies(self, at + 1, word, tag):
                return weights
        return 0, 0, 0


def _ends_in_s(word: str) -> bool:
    """As plurals do, and verbs of a third person."""
    return bool(re.search("[^sui]s$", word))


Applies = Callable[[Sentence, int, str, str], bool]
Rules = tuple[tuple[Applies, tuple[float, float, float]], ...]

LEFT: Rules = (
    (lambda s, at, word, tag: tag == "TO" and s.word(at - 1) in tables.TO_A_THING, (1, 2, 1)),
    (lambda s, at, word, tag: tag == "TO", (5, 0, 0)),
    (lambda s, at, word, tag: tag == "MD" or word in tables.DO, (5, 0, 0)),
    (lambda s, at, word, tag: word in ("n't", "not"), (4, 0, 1)),
    (lambda s, at, word, tag: tag == "PRP" and s.word(at - 1) in tables.CAUSES, (5, 0, 1)),
    (lambda s, at, word, tag: word in tables.SUBJECTS and s.asked(at), (5, 0, 0)),
    (lambda s, at, word, tag: word in tables.SUBJECTS, (4, 0, 0)),
    (lambda s, at, word, tag: word in tables.OBJECTS, (1, 1.5, 2)),
    (lambda s, at, word, tag: word in tables.HAVE, (1.5, 2, 0)),
    (lambda s, at, word, tag: word in tables.BE, (0, 1, 3)),
    (lambda s, at, word, tag: word in tables.DEGREES, (0, 0, 3)),
    (lambda s, at, word, tag: word in ("that", "which") and tag != "DT", (3, 0, 0)),
    (lambda s, at, word, tag: tag in tables.DETERMINERS or word in tables.QUANTITIES, (0, 4, 3)),
    (lambda s, at, word, tag: tag.startswith("JJ"), (0, 4, 1)),
    (lambda s, at, word, tag: word in tables.SUBORDINATORS, (0, 1.5, 0)),
    (lambda s, at, word, tag: tag == "IN", (0, 3, 1)),
    (lambda s, at, word, tag: word in tables.LINKS, (0, 1, 3)),
    (lambda s, at, word, tag: tag.startswith("VB"), (0, 2, 1.5)),
    (lambda s, at, word, tag: tag == "CD", (0, 4, 1)),
    (lambda s, at, word, tag: tag == ",", (1, 0.5, 0)),
)
RIGHT: Rules = (
    (lambda s, at, word, tag: word == "of", (0, 4, 0)),
    (lambda s, at, word, tag: word in tables.BE or word in tables.HAVE or tag == "MD", (0, 3, 0)),
    (lambda s, at, word, tag: tag in ("DT", "PRP$", "PRP"), (2.5, 0, 0)),
    (lambda s, at, word, tag: tag == "RP", (2, 0, 0)),
    (lambda s, at, word, tag: tag == "TO", (0.5, 0, 0.5)),
    (lambda s, at, word, tag: tag == "VBD", (0, 1.5, 0)),
    (lambda s, at, word, tag: tag in ("NN", "NNS", "?", "JJ"), (0.8, 0, 2)),
    (lambda s, at, word, tag: tag in (".", ",", ":", "CC", "''"), (0, 1, 0.5)),
)
