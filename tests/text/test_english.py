import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlxtts.text.english import spoken


@pytest.mark.parametrize(
    ("written", "read"),
    [
        # numbers
        ("I have 3 cats and 1,234 dogs.", "I have three cats and one thousand two hundred and "
         "thirty-four dogs."),
        ("3.14 or 0.5", "three point one four or zero point five"),
        ("It fell to -5 or \N{MINUS SIGN}6.", "It fell to minus five or minus six."),
        ("agent 007", "agent zero zero seven"),
        ("10-20 people", "ten to twenty people"),
        ("1st, 2nd and 23rd", "first, second and twenty-third"),
        ("½ cup, 2 3/4 miles, 2/3", "one half cup, two and three quarters miles, two thirds"),
        ("version 1.2.3", "version one point two point three"),
        ("No. 5, #6. No.", "number five, number six. No."),
        ("Call 555-123-4567.", "Call five five five, one two three, four five six seven."),
        ("555-0172 or 867-5309!", "five five five, zero one seven two or eight six seven, five "
         "three zero nine!"),
        ("500-1000 people, 100-200", "five hundred to one thousand people, one hundred to two "
         "hundred"),
        ("10-20%, 5-10 kg, 10%-20%", "ten to twenty percent, five to ten kilograms, ten percent to "
         "twenty percent"),
        (".5 percent, -.5", "point five percent, minus point five"),
        ("0.0001 of 3.1415", "zero point zero zero zero one of three point one four one five"),
        ("the 1,000th", "the one thousandth"),
        ("1/2,000, 2-3/4, 24/7", "one over two thousand, two and three quarters, twenty-four "
         "seven"),
        ("10², 5 m³", "ten squared, five meters cubed"),
        ("v1.2.3", "version one point two point three"),
        # years, dates, times
        ("in 1984, 2005, 1900 and 2026", "in nineteen eighty-four, two thousand and five, "
         "nineteen hundred and twenty twenty-six"),
        ("the 1990s and the '80s", "the nineteen nineties and the eighties"),
        ("2026-11-22", "november twenty-second, twenty twenty-six"),
        ("1/2/2026", "january second, twenty twenty-six"),
        ("On Nov. 22, 2026 we met.", "On november twenty-second, twenty twenty-six we met."),
        ("3rd of March 1999 or 5 May", "march third, nineteen ninety-nine or may fifth"),
        ("May I go?", "May I go?"),
        ("Only 3 may enter, they march 10 miles.", "Only three may enter, they march ten miles."),
        ("In March 10 people came.", "In March ten people came."),
        ("May 3 to May 5, March 10 and 11", "may third to may fifth, march tenth and eleven"),
        ("On March 10 at noon we met.", "On march tenth at noon we met."),
        ("the 80s and the 1990's, mid-'60s", "the eighties and the nineteen nineties, mid-sixties"),
        ("15s, 10s, 1.5s", "fifteen seconds, ten seconds, one point five seconds"),
        ("June 2020's F-16s", "June twenty twenty's F-sixteens"),
        ("10:30:15, 10:00:01 am", "ten thirty and fifteen seconds, ten and one second a m"),
        ("2026-11-22T10:05:00Z", "november twenty-second, twenty twenty-six, ten oh five u t c"),
        ("at 10:05 a.m. or 8:00", "at ten oh five a m or eight o'clock"),
        ("open 10:30-11:00", "open ten thirty to eleven o'clock"),
        ("8:00 am - 5:15 pm", "eight a m to five fifteen p m"),
        ("by 5pm", "by five p m"),
        # money and units
        ("$3.50, $1 and €20", "three dollars and fifty cents, one dollar and twenty euros"),
        ("£0.99 and £1.01", "ninety-nine pence and one pound and one penny"),
        ("$3.5 million, $5k", "three point five million dollars, five thousand dollars"),
        ("5% of 20 km/h", "five percent of twenty kilometers per hour"),
        ("1 kg, 5ft, 6 in all", "one kilogram, five feet, six in all"),
        ("-5°C", "minus five degrees celsius"),
        ("82 tokens/s", "eighty-two tokens per second"),
        ("5'10\" tall", "five foot ten tall"),
        ("$5-10, £5-10m, $5.50-$10", "five to ten dollars, five to ten million pounds, five "
         "dollars and fifty cents to ten dollars"),
        ("$5m-$10m, $5 million-10m", "five million dollars to ten million dollars, five million "
         "dollars to ten million dollars"),
        ("a $5 b-2 model", "a five dollars b- two model"),
        ("a $5 t-shirt, $5m", "a five dollars t-shirt, five million dollars"),
        ("US$50, A$5", "fifty u s dollars, five Australian dollars"),
        ("$.99 or 50€, 5-10 €", "ninety-nine cents or fifty euros, five to ten euros"),
        ("10 MB/s, 3 kg/s", "ten megabytes per second, three kilograms per second"),
        # abbreviations and initials
        ("between WWI and WWII", "between world war one and world war two"),
        ("Dr. Smith and Mr Jones", "doctor Smith and mister Jones"),
        ("5 Main St. is near St. Paul", "five Main street is near saint Paul"),
        ("Oak Dr. home, the Dr. is", "Oak drive home, the doctor is"),
        ("e.g. this, i.e. that, etc.", "for example this, that is that, et cetera."),
        ("the FBI and NASA, two PCs", "the f b i and nasa, two p c's"),
        ("J. R. R. Tolkien of the U.S.A.", "J. R. R. Tolkien of the U S A"),
        ("STOP SHOUTING AT ME NOW", "stop shouting at me now"),
        ("STOP NOW", "stop now"),
        ("FBI, CIA, NSA.", "f b i, c i a, n s a."),
        # names and addresses
        ("Henry VIII in World War II, chapter V", "Henry the eighth in World War two, chapter "
         "five"),
        ("Malcolm X and I", "Malcolm X and I"),
        ("the part I liked, the type I'd like", "the part I liked, the type I'd like"),
        ("Part I of World War I, type I error", "Part one of World War one, type one error"),
        ("Act I, Scene II, Vol. II", "Act one, Scene two, volume two"),
        ("Stage IV, Title IX, the part IIII", "Stage four, Title nine, the part iiii"),
        ("The IV drip of Elizabeth II", "The i v drip of Elizabeth the second"),
        ("see www.example.org/a-b", "see w w w dot example dot org slash a dash b"),
        ("a.b@c.com", "a dot b at c dot com"),
        # signs and letters
        ("Q&A: 2 + 2 = 4", "Q and A: two plus two equals four"),
        ("a ≠ b", "a is not equal to b"),
        ("yes (maybe) - no", "yes, maybe, no"),
        ("“Don’t”, he said…", "Don't, he said..."),
        ("café naïve Ærø ½", "cafe naive AEro one half"),
    ],
)  # fmt: skip
def test_reading(written: str, read: str) -> None:
    assert spoken(written) == read


@given(st.text(st.characters(codec="utf-8"), max_size=60))
@settings(max_examples=300)
def test_no_figures_are_left_and_nothing_fails(text: str) -> None:
    assert not re.search(r"\d", spoken(text))


@given(st.text(st.sampled_from("0123456789/.,:-$£%°' aIVXmk'st"), max_size=30))
@settings(max_examples=500)
def test_figures_in_any_company(text: str) -> None:
    assert not re.search(r"[\d$£%°/]", spoken(text))


def test_plain_words_stay_as_they_are() -> None:
    text = "It's a well-known mother-in-law; isn't it? Yes, it is!"
    assert spoken(text) == text


def test_letters_lose_their_accents() -> None:
    assert spoken("Ångström, Łódź, façade, ﬁne") == "Angstrom, Lodz, facade, fine"


@pytest.mark.parametrize(
    "part",
    [" ", "1", "a", "A", "a.", "1.", "1,", "111,", "1-", "a-", "1/", "(", "--", "- ", '"', ", ",
     "A ", "1 ", "St. ", "5 st. ", "www.", "@"],
)  # fmt: skip
def test_a_long_line_is_read_in_time(part: str) -> None:
    start = time.process_time()
    spoken(f"x{part * (50_000 // len(part))}y")
    assert time.process_time() - start < 4
