"""Lines in which letters are spelled: alone, as abbreviations, in lists, and word by word.

Knows only patterns of English, as phrases.py does, whose words it takes; everything comes from the
random generator that is passed in.
"""

from . import phrases

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def some_letters(rng, most=6):
    """From two to ``most`` letters, sometimes one of them several times over."""
    letters = rng.choices(LETTERS, k=rng.randint(2, most))
    if rng.random() < 0.25:
        at = rng.randrange(len(letters))
        letters[at : at + 1] = letters[at] * rng.randint(2, 3)
    return letters[:most]


def listed(rng, letters):
    """Letters with commas, mostly with a word before the last one."""
    link = rng.choice([", ", ", and ", ", and ", " and ", " or ", ", then "])
    return f"{', '.join(letters[:-1])}{link}{letters[-1]}"


def alone(rng, words):
    """Nothing but letters, mostly as an abbreviation is read."""
    letters = some_letters(rng)
    apart = rng.choice([", ".join(letters), listed(rng, letters)])
    return rng.choice([rng.choice(LETTERS), " ".join(letters), " ".join(letters), apart])


def abbreviation(rng, words):
    """Letters without commas in a sentence: at its start, in the middle, at the end."""
    few, other = (" ".join(some_letters(rng)) for _ in range(2))
    verb, then = (rng.choice(phrases.VERBS).replace("-", " ") for _ in range(2))
    a, b, c = (phrases.noun_phrase(rng) for _ in range(3))
    place, adverb = rng.choice(phrases.PLACES), rng.choice(phrases.ADVERBS)
    return rng.choice(
        [
            f"the {few} is closed",
            f"she works for the {few} in {rng.choice(words)}",
            f"the {few} {verb} {a}",
            f"{few} {verb} {a} {place} {b}",
            f"{few} {verb} {a}, and the {other} {then} {b}",
            f"{few}, {a} {verb} {b}",
            f"{few} is short for {rng.choice(words)} {rng.choice(words)}",
            f"{a} {verb} {few}",
            f"{a} {verb} {b}, {few}",
            f"{adverb}, {a} of the {few} {verb} {b} {place} {c}",
            f"{a} {verb} the {few} {place} {b}, but not the {other}",
            f"give {a} to the {few} before {rng.choice(phrases.DAYS)}",
            f"is {few} {rng.choice(phrases.ADJECTIVES)} or {rng.choice(phrases.ADJECTIVES)}?",
            f"what does {few} mean?",
            f"not {few} but {other}",
        ]
    )


def listing(rng, words):
    """Letters one after the other in a sentence: with commas and without."""
    letters, one, two = some_letters(rng), rng.choice(LETTERS), rng.choice(LETTERS)
    said, a, b = listed(rng, letters), phrases.noun_phrase(rng), phrases.noun_phrase(rng)
    verb, adjective = rng.choice(phrases.VERBS).replace("-", " "), rng.choice(phrases.ADJECTIVES)
    return rng.choice(
        [
            f"the letter {one}",
            f"press {one} and then {two}",
            f"is it {one} or {two}?",
            f"the letters {said} are painted on {a}",
            f"{said} are the letters on {a}",
            f"{said}, and {a} {verb} {b}",
            f"{a} begins with {said} and ends with {two}",
            f"{a} {verb} the letters {said} {rng.choice(phrases.PLACES)} {b}",
            f"when {a} read {said}, {b} was {adjective}",
            f"there is {one} in {rng.choice(words)}, but neither {two} nor {letters[0]}",
            f"{phrases.say(rng.randint(2, 20))} times {one}, once {two}",
            f"first {one}, then {two}, {rng.choice(phrases.ADVERBS)} {letters[0]}",
        ]
    )


def spelling(rng, words):
    """A word and its letters."""
    word = rng.choice([word for word in rng.choices(words, k=4) if len(word) < 9] or ["word"])
    letters = [c for c in word if c in LETTERS]
    apart, a, adjective = (
        ", ".join(letters),
        phrases.noun_phrase(rng),
        rng.choice(phrases.ADJECTIVES),
    )
    return rng.choice(
        [
            f"{word} is spelled {apart}",
            f"{apart}, that is {word}",
            f"{' '.join(letters)} spells {word}",
            f"how do you spell {word}? {apart}",
            f"{a} is called {word}, {apart}, and is {adjective}",
            f"you write {word} with {letters[0]}, not with {rng.choice(LETTERS)}",
            f"{word}, with {letters[-1]} at the end",
        ]
    )


def spelled(rng, words):
    """Letters one by one: abbreviations, words spelled out, single letters in a sentence."""
    line = rng.choice([alone, abbreviation, listing, spelling])(rng, words)
    return line if line[-1] == "?" else line + rng.choice([".", ".", ".", ".", "", "!", "?"])
