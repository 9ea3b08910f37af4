"""What abbreviations, units and signs stand for in English (see `english`)."""

# ruff: noqa: RUF001

ABBREVIATIONS = {
    "mr": "mister", "mrs": "missis", "ms": "miz", "dr": "doctor", "prof": "professor",
    "jr": "junior", "sr": "senior", "st": "saint", "mt": "mount", "gen": "general",
    "col": "colonel", "capt": "captain", "lt": "lieutenant", "sgt": "sergeant", "rev": "reverend",
    "hon": "honorable", "gov": "governor", "sen": "senator", "rep": "representative",
    "ave": "avenue", "blvd": "boulevard", "rd": "road", "dept": "department", "approx": "about",
    "apt": "apartment", "vs": "versus", "etc": "et cetera", "inc": "incorporated", "co": "company",
    "ltd": "limited", "corp": "corporation", "vol": "volume", "fig": "figure", "est": "established",
    "e.g": "for example", "i.e": "that is", "a.m": "a m", "p.m": "p m", "a.k.a": "also known as",
    "ph.d": "p h d", "mon": "monday", "tue": "tuesday", "tues": "tuesday", "wed": "wednesday",
    "thu": "thursday", "thurs": "thursday", "fri": "friday", "sat": "saturday", "sun": "sunday",
    "jan": "january", "feb": "february", "mar": "march", "apr": "april", "jun": "june",
    "jul": "july", "aug": "august", "sep": "september", "sept": "september", "oct": "october",
    "nov": "november", "dec": "december",
    "messrs": "messers", "mme": "madame", "maj": "major", "cpl": "corporal", "pvt": "private",
    "adm": "admiral", "pres": "president", "lieut": "lieutenant", "hwy": "highway",
    "bldg": "building", "cf": "compare", "ca": "circa", "viz": "namely", "tel": "telephone",
    "et al": "et al", "p": "page", "pp": "pages", "ch": "chapter", "eq": "equation",
    "figs": "figures", "nos": "numbers", "sec": "section",
}  # fmt: skip
CAPITALISED = {
    "adm", "apt", "apr", "aug", "col", "dec", "feb", "fig", "fri", "gen", "gov", "hon", "jan",
    "jul", "jun", "maj", "mar", "mme", "mon", "ms", "mt", "nov", "oct", "pres", "pvt", "rep", "rev",
    "sat", "sen", "sep", "sun", "thu", "tue", "wed",
}  # fmt: skip
"""Abbreviations that in lower case are words, or in capitals names, unless a name or a figure
follows."""
COUNTING = {"p", "pp", "ch", "eq", "figs", "nos", "sec"}
"""Abbreviations only before figures."""
WITHOUT_STOP = {"vs": "versus", "etc": "et cetera", "PhD": "p h d", "Jr": "junior", "Sr": "senior"}
GOES_ON = (
    "Mr", "Mrs", "Ms", "Dr", "Prof", "Gen", "Col", "Capt", "Lt", "Sgt", "Rev", "Hon", "Gov", "Sen",
    "Rep", "Vol", "Fig", "Lieut", "Messrs", "Mme", "Maj", "Cpl", "Pvt", "Adm", "Pres",
)  # fmt: skip
"""After these a sentence does not end; after other abbreviations it may, if a capital follows."""
WORDS = {
    "ALL", "AN", "AND", "ANGRY", "ANY", "APPLY", "ARE", "ARMY", "AS", "ASK", "AT", "BAD", "BE",
    "BIG", "BOY", "BUT", "BUY", "BY", "CAN", "CRY", "DAY", "DID", "DIE", "DO", "DOG", "DRY",
    "EAT", "EMPTY", "END", "ENTRY", "FAR", "FEW", "FLY", "FOR", "FUN", "GET", "GO", "GOD",
    "GOT", "GUY", "HAD", "HAS", "HE", "HER", "HEY", "HIM", "HIS", "HOT", "HOW", "IF", "IN",
    "IS", "ITS", "LET", "LOT", "LOW", "MAY", "ME", "MEN", "MY", "NEW", "NO", "NOT", "NOW", "OF",
    "OFF", "OH", "OLD", "ON", "ONE", "ONLY", "OUR", "OUT", "OWN", "PAY", "PUT", "RED", "RUN",
    "SAW", "SAY", "SEE", "SHE", "SIX", "SKY", "SO", "SON", "TEN", "THE", "TO", "TOO", "TOP",
    "TRY", "TWO", "UGLY", "UP", "WAR", "WAS", "WAY", "WE", "WHY", "WIN", "WON", "YES", "YET",
    "YOU",
}  # fmt: skip
"""Words that stay such in capitals, short as they are."""
INITIALS = {"WWI": "world war one", "WWII": "world war two"}
MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
MONTH_NAMES = {name[:length]: name for name in MONTHS for length in (3, 4, len(name))}
AFTER_DATES = (
    "a", "after", "and", "as", "at", "because", "before", "but", "by", "for", "from", "he", "i",
    "if", "in", "is", "it", "of", "on", "or", "she", "that", "the", "there", "they", "this",
    "through", "till", "to", "until", "was", "we", "when", "will", "with", "you",
)  # fmt: skip
"""Lower-case words that may follow a date; before others it is a count, as in March 10 people."""
DECADES_AFTER = (
    "and", "early", "her", "high", "his", "late", "low", "lower", "mid", "my", "or", "our", "the",
    "their", "upper", "your",
)  # fmt: skip
DATED = ("a", "an", "by", "on", "since", "that", "the", "this", "until")
"""Words before a date: March 10 after them is one, whatever comes next."""
NO_NOUNS = (
    *AFTER_DATES, "are", "back", "can", "could", "down", "each", "had", "has", "less", "may",
    "might", "more", "not", "off", "only", "out", "over", "per", "so", "than", "today", "under",
    "up", "were", "which", "who", "worth", "would", "yesterday",
)  # fmt: skip
"""Words after a sum that are not what it is the price of, as in a $5 bill."""
CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
}
DOLLARS = {"US": "US", "A": "Australian", "C": "Canadian", "HK": "Hong Kong", "NZ": "New Zealand"}
UNITS = {
    "km/h": "kilometer per hour", "mph": "mile per hour", "m/s": "meter per second",
    "km": "kilometer", "cm": "centimeter", "mm": "millimeter", "m": "meter", "kg": "kilogram",
    "mg": "milligram", "g": "gram", "lb": "pound", "lbs": "pound", "oz": "ounce", "mi": "mile",
    "ft": "foot", "yd": "yard", "l": "liter", "ml": "milliliter",
    "s": "second", "ms": "millisecond", "min": "minute", "h": "hour", "hr": "hour", "hrs": "hour",
    "hz": "hertz", "khz": "kilohertz", "mhz": "megahertz", "ghz": "gigahertz", "w": "watt",
    "kw": "kilowatt", "kwh": "kilowatt-hour", "mw": "megawatt", "gw": "gigawatt",
    "mwh": "megawatt-hour", "gwh": "gigawatt-hour", "tsp": "teaspoon", "tbsp": "tablespoon",
    "qt": "quart", "gal": "gallon", "mins": "minute", "sec": "second", "secs": "second",
    "yr": "year", "yrs": "year", "mpg": "mile per gallon", "kph": "kilometer per hour",
    "kms": "kilometer", "um": "micrometer", "ug": "microgram", "mcg": "microgram",
    "mbps": "megabit per second", "gbps": "gigabit per second", "db": "decibel",
    "kpa": "kilopascal", "kcal": "kilocalorie", "km2": "square kilometer", "m2": "square meter",
    "sq ft": "square foot", "sq. ft": "square foot", "sq mi": "square mile", "cu ft": "cubic foot",
 "v": "volt", "kb": "kilobyte", "mb": "megabyte",
    "gb": "gigabyte", "tb": "terabyte", "°c": "degree celsius", "°f": "degree fahrenheit",
    "°": "degree", "%": "percent",
}  # fmt: skip
PLURALS = {"foot": "feet", "inch": "inches", "hertz": "hertz", "percent": "percent"}
PLURALS |= {f"{kind} foot": f"{kind} feet" for kind in ("square", "cubic")}
PLURALS |= {unit: unit for unit in ("kilohertz", "megahertz", "gigahertz")}
PER = {
    "hr": "hour", "h": "hour", "wk": "week", "mo": "month", "yr": "year", "min": "minute",
    "s": "second", "sec": "second", "kg": "kilogram", "g": "gram", "lb": "pound", "l": "liter",
    "mi": "mile", "gal": "gallon", "oz": "ounce",
}  # fmt: skip
PER |= {name: name for name in (*PER.values(), "barrel", "day", "night", "person", "share", "ton",
                                "tonne", "unit", "user")}  # fmt: skip
"""What may stand behind a slash, after a sum or a unit."""
MAGNITUDES = {"mm": "million", "mn": "million", "tn": "trillion"}
MAGNITUDES |= {"k": "thousand", "m": "million", "bn": "billion", "b": "billion", "t": "trillion"}
SIGNS = {sign: names[0] for sign, names in CURRENCIES.items()} | {
    "&": "and", "@": "at", "+": "plus", "=": "equals", "%": "percent", "#": "hash",
    "°": "degrees", "×": "times", "÷": "divided by",
    "~": "about", "<": "less than", ">": "greater than",
}  # fmt: skip
ROMAN_AFTER = {
    "act", "amendment", "appendix", "article", "book", "bowl", "canto", "chapter", "class",
    "division", "episode", "fantasy", "fig.", "figure", "grade", "lesson", "level", "mark", "part",
    "phase", "psalm", "rocky", "scene", "section", "sonnet", "stage", "table", "title", "trek",
    "type", "unit", "vol.", "volume", "war",
}  # fmt: skip
NO_NAMES = {"a", "an", "and", "her", "his", "its", "my", "or", "our", "that", "the", "their",
            "this", "with", "your"}  # fmt: skip
REIGNED = {
    "Albert", "Alexander", "Catherine", "Charles", "Edward", "Elizabeth", "Francis", "Frederick",
    "George", "Gustav", "Henry", "James", "John", "Leopold", "Louis", "Mary", "Napoleon",
    "Nicholas", "Paul", "Peter", "Philip", "Pius", "Richard", "William",
}  # fmt: skip
"""Names after which a single I, V or X is a number."""
ROMANS = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
LETTERS = str.maketrans({
    "’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": " - ", "…": "...", "ß": "ss",
    "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i",
    "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2015": " - ", "´": "'", "ʼ": "'",
    "≠": " is not equal to ", "≥": " greater than or equal to ", "≤": " less than or equal to ",
    "±": " plus or minus ", "≈": " about ", "√": " square root of ", "§": " section ",
    "¢": " cents ", "→": " to ", "™": "", "®": "", "©": " copyright ", "µ": "u",
    "π": " pi ", "α": " alpha ", "β": " beta ", "γ": " gamma ", "δ": " delta ", "Δ": " delta ",
    "λ": " lambda ", "μ": " mu ", "σ": " sigma ", "θ": " theta ", "ω": " omega ", "Ω": " ohms ",
    "Æ": "AE", "Œ": "OE", "Ø": "O", "Ł": "L", "Đ": "D", "Þ": "Th",
})  # fmt: skip
IN_ADDRESSES = {
    ".": "dot", "@": "at", "/": "slash", "-": "dash", "_": "underscore", "?": "question mark",
    "&": "and", "=": "equals", "#": "hash",
}  # fmt: skip
NO_BOOKS = NO_NAMES | {
    "about",
    "at",
    "beat",
    "by",
    "in",
    "is",
    "of",
    "odds",
    "on",
    "ratio",
    "score",
}
RAISED = "⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹"
TELEPHONE = (
    r"\+\d[\d ()-]{7,16}\d\b|\b0\d{2,4} \d{3,4} \d{3,4}\b|\b\d{3}\.\d{3}\.\d{4}\b"
    r"|\b\d{3}-\d\d-\d{4}\b|\b97[89](?:-\d+){3,4}\b"  # a social security number, a book's
    r"|(?<=, [A-Z]{2} )\d{5}(?:-\d{4})?\b"  # a place's
    r"|(?:\+\d{1,3}[ -])?\(?\b\d{3}\)?[ -]\d{3}[ -]\d{4}\b"
    r"|(?<![\d.,-])\d{3}-(?:0\d{3}|\d{3}[1-9])(?![\d-]|[.,]\d)"  # not a range, as 500-1000
)
