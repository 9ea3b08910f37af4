"""Sentences made from nothing but word lists and patterns: numbers, dates, plain grammar.

Knows only English patterns; everything comes from the random generator that is passed in, so the
same seed gives the same lines. What the lines are used for is text.py's business.
"""

import random

from num2words import num2words

NOUNS = (
    "apple arm baker basket bell bird boat book bottle box boy branch bread bridge brother candle "
    "car cat chair child city clock cloud coat coin cook cow cup doctor dog door dream driver "
    "engine farmer father field fire fish flower forest friend garden gate ghost girl glass glove "
    "guest hammer hand hat hill horse house island jacket judge key king kitchen knife ladder "
    "lamp lawyer leaf letter lion machine man map market mirror moon mother mountain mouse nail "
    "needle nurse ocean painter paper pencil piano picture pilot plane plate pocket poet potato "
    "queen question rabbit river road robot roof room rope sailor school ship shoe shop singer "
    "sister snake soldier song spoon star station stone storm story street student sun table "
    "teacher thief tiger tower train tree uncle valley village violin wagon wall watch wheel "
    "whistle window winter wizard wolf woman worm yard year zebra"
).split()
ADJECTIVES = (
    "angry big black blue brave bright broken brown busy calm careful cheap clean clever cold "
    "cruel curious dark dear deep dirty dry early empty famous fast fat foreign fresh friendly "
    "gentle golden great green grey happy heavy high honest hot huge hungry large lazy light "
    "little long lost loud lucky narrow neat new nice noisy old orange pale plain polite poor "
    "pretty proud purple quick quiet rare red rich rough round rusty sad shallow sharp short shy "
    "silent silver simple sleepy slow small smooth soft sour square stiff strange strong sweet "
    "tall thick thin tiny tired ugly usual warm weak wet white wide wild wise wonderful wooden "
    "yellow young"
).split()
VERBS = (
    "admired asked avoided believed blamed borrowed bought broke brought built called carried "
    "caught chased chose cleaned closed copied counted covered cut drew dropped fed felt followed "
    "forgot fought found gave greeted guarded heard held helped hid hit ignored joined judged "
    "kept kicked knew left lifted liked lost loved made measured met missed moved needed noticed "
    "opened ordered owned paid painted passed picked pulled pushed raised reached read remembered "
    "repaired saved saw sent served shook showed sold stole stopped studied taught threw thanked "
    "told took touched trusted turned used visited waited-for wanted washed watched welcomed"
).split()
PLACES = (
    "above across after against along among around before behind below beside between beyond by "
    "during from in inside into near off on outside over past through toward under until with "
    "without"
).split()
ADVERBS = (
    "again almost always carefully easily finally gladly hardly lately loudly maybe nearly never "
    "now often once perhaps quickly quietly rarely really sadly seldom slowly sometimes soon "
    "still suddenly then today together tomorrow twice usually yesterday"
).split()
MONTHS = (
    "january february march april may june july august september october november december"
).split()
DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
UNITS = (
    "dollars pounds cents miles metres feet inches kilograms grams litres hours minutes seconds "
    "days weeks months years degrees percent people pages points times"
).split()
ASK = (
    "what who where when why how which whose do does did is are was were can could will would "
    "should may has have had"
).split()


def say(number, form="cardinal"):
    """A number in words, without commas."""
    return num2words(number, to=form).replace(",", "")


def any_number(rng):
    """An integer whose number of digits is evenly spread from one to seven, in words."""
    return say(rng.randrange(10 ** rng.randint(1, 7)))


def year(rng):
    """A year between 1100 and 2099, read in pairs as people do."""
    return say(rng.randint(1100, 2099), "year")


def date(rng):
    """A day with its month, sometimes with weekday or year."""
    day, month = say(rng.randint(1, 31), "ordinal"), rng.choice(MONTHS)
    text = rng.choice([f"the {day} of {month}", f"{month} {day}", f"{month} the {day}"])
    if rng.random() < 0.3:
        text = f"{rng.choice(DAYS)}, {text}"
    return f"{text}, {year(rng)}" if rng.random() < 0.5 else text


def clock(rng):
    """A time of day."""
    hour, minute = say(rng.randint(1, 12)), rng.randint(1, 59)
    told = f"oh {say(minute)}" if minute < 10 else say(minute)
    half = rng.choice(
        ["half past", "a quarter to", "a quarter past", "ten to", "five past", "twenty to"]
    )
    return rng.choice(
        [f"{hour} o'clock", f"{hour} {told}", f"{half} {hour}", f"{hour} {told} p m", f"{hour} a m"]
    )


def money(rng):
    """An amount of money."""
    whole, unit = (
        say(rng.randrange(1, 10 ** rng.randint(1, 4))),
        rng.choice(["dollars", "pounds", "euros"]),
    )
    return (
        f"{whole} {unit} and {say(rng.randint(1, 99))} cents"
        if rng.random() < 0.5
        else f"{whole} {unit}"
    )


def digits(rng):
    """A code or telephone number, digit by digit."""
    return rng.choice([" ", ", "]).join(say(rng.randrange(10)) for _ in range(rng.randint(3, 8)))


def decimal(rng):
    """A decimal number, digit by digit after the point."""
    after = " ".join(say(rng.randrange(10)) for _ in range(rng.randint(1, 3)))
    return f"{say(rng.randrange(200))} point {after}"


def numbers(rng):
    """A line about numbers."""
    thing = rng.choice(NOUNS) + "s"
    patterns = [
        lambda: f"the {rng.choice(NOUNS)} costs {money(rng)}",
        lambda: f"it happened on {date(rng)}",
        lambda: f"in {year(rng)} there were {any_number(rng)} {thing}",
        lambda: f"{any_number(rng)} {rng.choice(UNITS)}",
        lambda: f"we meet at {clock(rng)} on {rng.choice(DAYS)}",
        lambda: f"the {say(rng.randint(1, 120), 'ordinal')} {rng.choice(NOUNS)}",
        lambda: f"{decimal(rng)} {rng.choice(UNITS)} is too much",
        lambda: f"the number is {digits(rng)}",
        lambda: f"{any_number(rng)} plus {any_number(rng)} is {any_number(rng)}",
        lambda: f"born {date(rng)}, died {date(rng)}",
        lambda: f"only {say(rng.randint(2, 99))} of the {say(rng.randint(100, 999))} {thing} came",
        lambda: any_number(rng),
        lambda: date(rng),
        lambda: clock(rng),
        lambda: f"chapter {say(rng.randint(1, 80))}, page {say(rng.randint(1, 900))}",
    ]
    return rng.choice(patterns)() + rng.choice([".", ".", ".", "", "!", "?"])


def noun_phrase(rng):
    """An article or owner, perhaps an adjective, and a noun."""
    lead = rng.choice("the the the a my your his her our their this that every no".split())
    body = (
        f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}" if rng.random() < 0.6 else rng.choice(NOUNS)
    )
    return f"{'an' if lead == 'a' and body[0] in 'aeiou' else lead} {body}"


def plain(rng):
    """A grammatical sentence of little sense: statement, question or command."""
    a, b, c = noun_phrase(rng), noun_phrase(rng), noun_phrase(rng)
    verb, place, adverb = (
        rng.choice(VERBS).replace("-", " "),
        rng.choice(PLACES),
        rng.choice(ADVERBS),
    )
    adjective, more = rng.choice(ADJECTIVES), rng.choice(ADJECTIVES)
    d, other, e = noun_phrase(rng), rng.choice(VERBS), noun_phrase(rng)
    return rng.choice(
        [
            f"{a} {verb} {b} {place} {c}.",
            f"{a} {verb} {b}.",
            f"{adverb}, {a} {verb} {b}.",
            f"{a} {adverb} {verb} {b} {place} {c}, and {d} {other} {e}.",
            f"{a} is {adjective}, but {b} is {more}.",
            f"{a} was {adverb} {place} {b}.",
            f"why is {a} {place} {b}?",
            f"{rng.choice(ASK)} {a} {place} {b}?",
            f"is {a} {adjective} or {more}?",
            f"who {verb} {a} {place} {b}?",
            f"when {a} {verb} {b}, {c} was {adjective}.",
            f"there is {a} {place} {b}.",
            f"give {a} to {b}!",
            f"{place} {a}.",
            f"what {a}!",
            f"i {verb} {a}, {b} and {c}.",
            f"{adjective} and {more}, {a} {verb} {b}",
        ]
    ).replace("-", " ")


def salad(rng, common, weights, deck):
    """Random words, half of them common (by ``weights``, cumulative), half dealt from ``deck``, so
    that every spelling comes by.
    """
    words = []
    for _ in range(rng.randint(2, 11)):
        words.append(deck() if rng.random() < 0.6 else rng.choices(common, cum_weights=weights)[0])
    text = words[0]
    for word in words[1:]:
        text += (", " if rng.random() < 0.08 else " ") + word
    return text + rng.choice([".", ".", ".", "?", "!", ""])


def dealer(words, seed):
    """A function that deals ``words`` in random order, shuffling again when all were dealt."""
    rng, pool = random.Random(seed), []

    def deal():
        if not pool:
            pool.extend(words)
            rng.shuffle(pool)
        return pool.pop()

    return deal
