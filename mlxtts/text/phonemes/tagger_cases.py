"""English words whose part of speech, or meaning, shows in other ways than that of most (see
`tagger`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mlxtts.text.phonemes import tagger_tables as tables

if TYPE_CHECKING:
    from mlxtts.text.phonemes.tagger import Sentence


def respelling(words: Sequence[str], tags: Sequence[str], at: int) -> str | None:
    """How a word is spelled that sounds like what it means here, where its tag does not tell."""
    if words[at].lower() != "lead" or not tags[at].startswith(("NN", "JJ")):
        return None
    low = [word.lower() for word in words]
    metal = {*low[at + 1 : at + 2]} & tables.LED or {*low} & tables.LED_SIGNS
    made_of = low[max(at - 2, 0) : at] in (["made", "of"], ["made", "from"], ["exposed", "to"])
    return "led" if metal or made_of else None


def _read(s: Sentence, at: int) -> str:
    """Past and present are spelled alike, and a reading can be good."""
    left = s.before(at)
    word, tag = s.word(left), s.tag(left)
    if word in tables.HAVE or word in tables.BE or word in ("well", "widely"):
        return "VBN"
    caused = word in tables.OBJECTS and s.word(left - 1) in tables.CAUSES
    if tag in ("TO", "MD") or s.asked(at) or caused or s.begins(at) or word in tables.CAUSES:
        return "VB"
    if tag in ("DT", "JJ", "PRP$"):
        return "NN"
    if tag == "CC" and s.tag(left - 1).startswith("VB"):
        return s.tag(left - 1) if s.tag(left - 1) in ("VB", "VBD", "VBN") else "VB"
    if word in ("he", "she", "it") or tag in ("NN", "NNP"):
        return "VBD"
    around = {*s.low}
    if around & tables.PAST_SIGNS or any(tag == "VBD" for tag in s.tags[:at]):
        return "VBD"
    plain = s.tag(at + 1) in ("NNS", "?") and s.word(at + 1).endswith("s")
    return "VB" if around & tables.PRESENT_SIGNS or plain else "VBD"


def _used(s: Sentence, at: int) -> str:
    """Used to it, used to do it, and used to do it with."""
    left = s.before(at)
    if s.word(at + 1) != "to":
        return "VBN"
    if s.word(left) not in tables.BE:
        return "JJ" if s.word(left) in tables.LINKS else "VBD"
    thing = s.tag(at + 2) in ("DT", "PRP", "PRP$", "VBG", "NNS", "NNP", "CD", "WP")
    return "JJ" if thing else "VBN"


def _that(s: Sentence, at: int) -> str:
    """Pointing or joining."""
    following = s.tag(at + 1)
    if following in (".", ",", ":", "MD", "VBZ", "VBD", "CC", "''", "IN"):
        return "WDT" if s.tag(at - 1).startswith("NN") else "DT"
    if s.tag(at - 1).startswith("NN") or following in ("DT", "PRP", "PRP$", "NNS", "NNP", "EX"):
        return "IN"
    return "DT" if following in ("NN", "?", "JJ") else "IN"


def _minute(s: Sentence, at: int) -> str:
    return "JJ" if s.word(at + 1) in tables.MINUTE or s.word(at - 1) in ("so", "very") else "NN"


def _bass(s: Sentence, at: int) -> str:
    """The tag that has the low voice's sound; the fish is the other."""
    low = s.word(at + 1) in tables.BASS or {*s.low} & tables.BASS_SIGNS
    return "JJ" if low else "NN"


CASES: dict[str, Callable[[Sentence, int], str]] = {
    "read": _read, "used": _used, "that": _that, "minute": _minute, "bass": _bass,
}  # fmt: skip
