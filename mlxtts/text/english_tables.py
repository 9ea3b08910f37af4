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
    "thu": "thursday", "thurs": "thursday", "fri": "friday",
}  # fmt: skip
GOES_ON = (
    "Mr", "Mrs", "Ms", "Dr", "Prof", "Gen", "Col", "Capt", "Lt", "Sgt", "Rev", "Hon", "Gov", "Sen",
    "Rep", "Vol", "Fig",
)  # fmt: skip
"""After these a sentence does not end; after other abbreviations it may, if a capital follows."""
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
    "and", "early", "her", "his", "late", "mid", "my", "or", "our", "the", "their", "your",
)  # fmt: skip
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
    "kw": "kilowatt", "kwh": "kilowatt hour", "v": "volt", "kb": "kilobyte", "mb": "megabyte",
    "gb": "gigabyte", "tb": "terabyte", "°c": "degree celsius", "°f": "degree fahrenheit",
    "°": "degree", "%": "percent",
}  # fmt: skip
PLURALS = {"foot": "feet", "inch": "inches", "hertz": "hertz", "percent": "percent"}
PLURALS |= {unit: unit for unit in ("kilohertz", "megahertz", "gigahertz")}
MAGNITUDES = {"k": "thousand", "m": "million", "bn": "billion", "b": "billion", "t": "trillion"}
SIGNS = {sign: names[0] for sign, names in CURRENCIES.items()} | {
    "&": "and", "@": "at", "+": "plus", "=": "equals", "%": "percent", "#": "hash",
    "°": "degrees", "©": "copyright", "™": "trademark", "×": "times", "÷": "divided by",
    "~": "about", "<": "less than", ">": "greater than",
}  # fmt: skip
ROMAN_AFTER = {
    "act", "appendix", "article", "book", "bowl", "chapter", "class", "fig.", "figure", "grade",
    "level", "part", "phase", "scene", "section", "stage", "table", "title", "type", "vol.",
    "volume", "war",
}  # fmt: skip
NO_NAMES = {"a", "an", "and", "her", "his", "its", "my", "or", "our", "that", "the", "their",
            "this", "with", "your"}  # fmt: skip
ROMANS = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
LETTERS = str.maketrans({
    "’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": " - ", "…": "...", "ß": "ss",
    "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i",
    "≠": " is not equal to ", "²": " squared ", "³": " cubed ",
    "Æ": "AE", "Œ": "OE", "Ø": "O", "Ł": "L", "Đ": "D", "Þ": "Th",
})  # fmt: skip
TELEPHONE = (
    r"(?:\+\d{1,3}[ -])?\(?\b\d{3}\)?[ -]\d{3}[ -]\d{4}\b"
    r"|(?<![\d.,-])\d{3}-(?:0\d{3}|\d{3}[1-9])(?![\d-]|[.,]\d)"  # not a range, as 500-1000
)
