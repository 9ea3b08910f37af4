"""The text that the teacher reads: natural sentences, every word of the dictionary, numbers,
letters, questions.

Sources are Debian packages (fortunes, wordnet-base, wamerican), read from where they install and
never copied into the repository. Each line is lower case and uses only the characters that the
tokenizer knows. The held-out lines (heldout.txt and expressed.txt, our own) are kept out.
"""

import collections
import gzip
import itertools
import random
import re
from pathlib import Path

from num2words import num2words

from . import expression, letters, phrases
from .log import say

CHARACTERS = " abcdefghijklmnopqrstuvwxyz',.?!;:-"
SOURCES = {  # where Debian's packages have it
    "fortunes": "/usr/share/games/fortunes",
    "wordnet-base": "/usr/share/wordnet",
    "wamerican": "/usr/share/dict/words",
}
HELD_OUT = Path(__file__).with_name("heldout.txt")
EXPRESSED = Path(__file__).with_name("expressed.txt")
SKIP = {"ascii-art", "translate-me", "perl", "zippy", "limerick", "goedel"}
NUMBER = 300_000  # lines
SHARES = {
    "whole": 0.26,
    "span": 0.18,
    "salad": 0.20,
    "plain": 0.08,
    "numbers": 0.08,
    "spelled": 0.08,
    "short": 0.12,
}


def normalise(text):
    """Lower case, numbers in words, and nothing but CHARACTERS."""
    text = (
        text.lower()
        .replace("\u2019", "'")
        .replace("&", " and ")
        .replace("--", ", ")
        .replace("%", " percent ")
    )
    text = re.sub(r"\d+", lambda m: f" {num2words(int(m[0]))} " if len(m[0]) < 7 else " ", text)
    text = re.sub(r"[^a-z' ,.?!;:-]", " ", text)
    text = re.sub(r"(?<![a-z])['-]|['-](?![a-z])", " ", text)
    text = re.sub(r"([,.?!;:-])[ ,.?!;:-]+", r"\1 ", text)
    return re.sub(r"\s+", " ", re.sub(r"\s+([,.?!;:])", r"\1", text)).strip(" ,;:-")


def pieces(text, longest=180):
    """Cut normalised text into lines of at most ``longest`` characters, at spaces."""
    while len(text) > longest:
        cut = text.rfind(" ", longest // 2, longest)
        if cut < 0:
            return
        yield text[:cut].strip(" ,;:-")
        text = text[cut + 1 :]
    if len(text) >= 8 and " " in text:
        yield text


def fortunes(folder):
    """Sentences of the quotation files."""
    for path in sorted(Path(folder).glob("*")):
        if "." in path.name or path.name in SKIP:
            continue
        for quote in path.read_text(encoding="utf8", errors="ignore").split("\n%\n"):
            quote = re.sub(r"\s+", " ", re.sub(r"\n\s+--.*", "", quote, flags=re.S))
            for sentence in re.split(r"(?<=[.!?;:]) ", quote):
                yield from pieces(normalise(sentence))


def wordnet(folder):
    """Example sentences and definitions of WordNet."""
    for path in sorted(Path(folder).glob("data.*")):
        for line in path.read_text(encoding="utf8", errors="ignore").splitlines():
            for part in line.partition(" | ")[2].split(";"):
                yield from pieces(normalise(re.sub(r"\([^)]*\)", "", part)))


def dictionary(path):
    """The words of a word list, lower case, possessives included."""
    words = Path(path).read_text(encoding="utf8").split("\n")
    return sorted({w.strip().lower() for w in words if re.fullmatch(r"[A-Za-z]+('s)?", w.strip())})


def held_out(path=HELD_OUT):
    """The lines that no training text may contain."""
    return [line for line in Path(path).read_text(encoding="utf8").split("\n") if line]


def end_mark(rng):
    """How a line ends: mostly with a full stop."""
    return rng.choice([".", ".", ".", "", "?", "!", ","])


class Maker:
    """Draws lines of every kind from the sources, so many of them with emphasised words."""

    def __init__(self, natural, words, seed, emphasis=0.0):
        self.rng = random.Random(seed)
        self.emphasis = emphasis
        self.natural = natural
        self.words = words
        count = collections.Counter(w for line in natural for w in re.findall(r"[a-z']+", line))
        self.common = [w for w, _ in count.most_common(8000)]
        self.weights = list(itertools.accumulate(count[w] ** 0.6 for w in self.common))
        self.deal_line = phrases.dealer(natural, seed + 1)
        self.deal_word = phrases.dealer(words, seed + 2)
        self.deal_single = phrases.dealer(words + self.common * 4, seed + 3)

    def whole(self):
        """A natural sentence; some without their end mark, some two in one breath."""
        line = self.deal_line()
        if self.rng.random() < 0.05:
            line = f"{line} {self.deal_line()}"
        return line[:200] if line[-1] in ".?!" or self.rng.random() < 0.3 else line[:199] + "."

    def span(self):
        """A stretch of a natural sentence."""
        words = self.rng.choice(self.natural).split()
        length = self.rng.randint(2, 10)
        start = self.rng.randrange(max(1, len(words) - length + 1))
        return " ".join(words[start : start + length]).strip(" ,;:-.?!") + end_mark(self.rng)

    def salad(self):
        """Random words."""
        return phrases.salad(self.rng, self.common, self.weights, self.deal_word)[:170]

    def plain(self):
        """A patterned sentence."""
        return phrases.plain(self.rng)

    def numbers(self):
        """Numbers in words."""
        return phrases.numbers(self.rng)

    def spelled(self):
        """Spelled letters."""
        return letters.spelled(self.rng, self.common)

    def short(self):
        """One word, sometimes two."""
        more = f" {self.deal_single()}" if self.rng.random() < 0.25 else ""
        return self.deal_single() + more + self.rng.choice(["", ".", "?", "!"])

    def lines(self, number, exclude):
        """``number`` different lines, kinds by SHARES, none of them in ``exclude``."""
        out, seen = [], set(exclude)
        kinds, shares = list(SHARES), list(SHARES.values())
        for _ in range(20 * number):
            if len(out) == number:
                break
            line = normalise(getattr(self, self.rng.choices(kinds, shares)[0])())
            if line and line not in seen and len(line) <= 200:
                seen.add(line)
                if self.emphasis and self.rng.random() < self.emphasis:
                    line = expression.mark(self.rng, line)
                out.append(line)
        return out


def make(number, fortunes_dir, wordnet_dir, words_file, seed=1, exclude=(), emphasis=0.0):
    """``number`` training lines (list of str)."""
    exclude = {normalise(line) for line in exclude}
    bare = {line.strip(".?!") for line in exclude}
    natural = set(fortunes(fortunes_dir)) | set(wordnet(wordnet_dir))
    natural = sorted(line for line in natural if line.strip(".?!") not in bare)
    words = dictionary(words_file)
    say(f"text: {len(natural)} natural sentences, {len(words)} dictionary words")
    return Maker(natural, words, seed, emphasis).lines(number, exclude)


def add_arguments(parser):
    """Options of the ``text`` step."""
    parser.add_argument("--number", type=int, default=NUMBER, help="lines to make")
    parser.add_argument("--fortunes", default=SOURCES["fortunes"])
    parser.add_argument("--wordnet", default=SOURCES["wordnet-base"])
    parser.add_argument("--words", default=SOURCES["wamerican"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--emphasis", type=float, default=0, help="share of lines with *words*")


def run(args):
    """Write WORK/text.txt.gz (kept if it is there and --resume is given)."""
    path = Path(args.work) / "text.txt.gz"
    if args.resume and path.exists():
        return say(f"text: {path} is there")
    sources = args.fortunes, args.wordnet, args.words
    for source, package in zip(sources, SOURCES, strict=True):
        if not Path(source).exists():
            raise SystemExit(f"text: no {source}; in Debian the package {package} has it")
    kept_out = held_out() + held_out(EXPRESSED)
    lines = make(args.number, *sources, args.seed, kept_out, args.emphasis)
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf8") as file:
        file.write("\n".join(lines) + "\n")
    return say(f"text: {len(lines)} lines in {path}")


def read(path):
    """The lines of a text file, gzipped or not."""
    opener = gzip.open if str(path).endswith(".gz") else open
    with opener(path, "rt", encoding="utf8") as file:
        return [line for line in file.read().split("\n") if line]
