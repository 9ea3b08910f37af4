"""How a line is said: yes-or-no questions that rise, and ``*words*`` that are emphasised.

flite's voices say all of that as they say any statement. What is here tells, of a line, which of
its tokens last longer and are louder, and by what its pitch is multiplied when; flite.py does it.
Knows nothing of flite.
"""

import re
from dataclasses import dataclass

import numpy as np

MARK = "*"
STRETCH, RAISE, LOUDER = 1.3, 1.25, 1.25  # of an emphasised token: time, pitch, amplitude
EDGE = 0.04  # seconds in which it gets there
RISE = 1.7  # of the pitch at the end of a question, by what it would be in a statement
ASKING = set("what who whom whose which where when why how".split())  # such questions fall
VOWELS = set("aa ae ah ao aw ax axr ay eh er ey ih iy ow oy uh uw".split())


@dataclass(frozen=True)
class Phone:
    """A phone of what was said: its name, when it ends in seconds, which token of the text it
    belongs to (-1: none), and whether its syllable is stressed.
    """

    name: str
    end: float
    token: int = -1
    stressed: bool = False


@dataclass(frozen=True)
class Expression:
    """The line as it is read aloud, which of its tokens are emphasised, and whether it rises."""

    text: str
    emphasised: frozenset = frozenset()
    rises: bool = False

    @property
    def plain(self):
        """Whether there is nothing to do."""
        return not (self.emphasised or self.rises)

    def pitch(self, times, phones):
        """What the pitch is multiplied by at each of ``times`` (n,)."""
        return self._over_tokens(times, phones, RAISE) * self._rise(times, phones)

    def loudness(self, times, phones):
        """What samples are multiplied by at each of ``times`` (n,)."""
        return self._over_tokens(times, phones, LOUDER)

    def _over_tokens(self, times, phones, factor):
        whole = np.ones(len(times))
        for token in self.emphasised:
            begin, end = span(phones, lambda phone, token=token: phone.token == token)
            inside = np.minimum(times - begin, end - times) / EDGE
            whole += (factor - 1) * np.clip(inside, 0, 1)
        return whole

    def _rise(self, times, phones):
        spoken = [phone for phone in phones if phone.name != "pau"]
        if not self.rises or not spoken:
            return np.ones(len(times))
        vowels = [phone for phone in spoken if phone.name in VOWELS]
        last = ([phone for phone in vowels if phone.stressed] or vowels or spoken)[-1]
        begin, _ = span(phones, lambda phone: phone is last)
        return np.interp(times, [begin, max(spoken[-1].end, begin + EDGE)], [1, RISE])


def span(phones, belongs):
    """Seconds from the beginning of the first phone that ``belongs`` to the end of the last; (0, 0)
    if none does.
    """
    mine = [n for n, phone in enumerate(phones) if belongs(phone)]
    if not mine:
        return 0.0, 0.0
    return phones[mine[0] - 1].end if mine[0] else 0.0, phones[mine[-1]].end


def read(line):
    """The Expression of a line of the text."""
    found = [re.fullmatch(r"\*([^*]+)\*([,.?!;:]*)", token) for token in line.split()]
    emphasised = frozenset(n for n, match in enumerate(found) if match)
    text = line.replace(MARK, "")
    last = re.split(r"(?<=[.?!;:]) ", text)[-1]
    first = re.match(r"[a-z']*", last)[0]
    return Expression(text, emphasised, last.endswith("?") and first not in ASKING)


def mark(rng, line, most=2):
    """The line with up to ``most`` of its longer words emphasised, chosen by ``rng``."""
    tokens = line.split()
    able = [n for n, token in enumerate(tokens) if re.fullmatch(r"[a-z'-]{3,}[,.?!;:]*", token)]
    for n in rng.sample(able, min(len(able), rng.randint(1, most))):
        tokens[n] = re.sub(r"^([a-z'-]+)", r"*\1*", tokens[n])
    return " ".join(tokens)
