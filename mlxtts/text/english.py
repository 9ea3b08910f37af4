"""English as it is read aloud: numbers, dates, money, units, abbreviations and signs in words.

`spoken` is a chain of rules, each a pattern and what becomes of a match, in the order in which they
stand here and in their modules: what a rule leaves as figures or signs the later ones see.
"""

from __future__ import annotations

from mlxtts.text.english_dates import DATES
from mlxtts.text.english_figures import FIGURES
from mlxtts.text.english_letters import ABBREVIATIONS, LETTERS
from mlxtts.text.english_rules import Rule
from mlxtts.text.english_written import WRITTEN

RULES: list[Rule] = [*WRITTEN, *DATES, *ABBREVIATIONS, *FIGURES, *LETTERS]


def spoken(text: str) -> str:
    """`text` in words. What is left beside them is punctuation that shapes the speech, and letters
    of other scripts, which are not this module's to read."""
    for pattern, rewrite in RULES:
        text = pattern.sub(rewrite, text)
    return text
