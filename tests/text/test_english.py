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
        ("3rd of March 1999 or 5 May", "third of march, nineteen ninety-nine or may fifth"),
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
        ("the 5th of November, this 5 May", "the fifth of november, this fifth of may"),
        ("the Jan. 6 committee, Aug. 2020", "the january sixth committee, august twenty twenty"),
        ("On January 6 rioters came.", "On january sixth rioters came."),
        ("May 3–5, 2021, 24-25 December", "may third to fifth, twenty twenty-one, december "
         "twenty-fourth to twenty-fifth"),
        ("1 Jan – 5 Feb", "january first to february fifth"),
        ("5-7pm, 9am-5pm, 10-11:30 am, 8:30-9", "five to seven p m, nine a m to five p m, ten to "
         "eleven thirty a m, eight thirty to nine"),
        ("25/12/2023, 2023/05/14", "december twenty-fifth, twenty twenty-three, may fourteenth, "
         "twenty twenty-three"),
        ("3/4/25 and 11/22/63", "march fourth, twenty twenty-five and november twenty-second, "
         "nineteen sixty-three"),
        ("12-25-2020, 01.02.2023", "december twenty-fifth, twenty twenty, february first, twenty "
         "twenty-three"),
        ("at 9.30am", "at nine thirty a m"),
        ("We meet at 5 p.m.", "We meet at five p m."),
        ("Live in the U.S.", "Live in the U S."),
        ("the upper 50s, 20s and 30s, the 80's", "the upper fifties, twenties and thirties, the "
         "eighties"),
        ("in 1066, in 1050 cases", "in ten sixty-six, in one thousand and fifty cases"),
        ("9/11, 20/20, 50/50, 8/10, 7/10 of it", "nine eleven, twenty twenty, fifty fifty, eight "
         "out of ten, seven tenths of it"),
        ("the 2019/20 or 24/25 season, 120/80, 3/2", "the twenty nineteen to twenty or "
         "twenty-four twenty-five season, one hundred and twenty over eighty, three halves"),
        ("Song of Solomon 7:1-3, section 2.4.3.5", "Song of Solomon seven one to three, section "
         "two point four point three point five"),
        ("16:9, 2:1, Genesis 1:1, John 3:16", "sixteen to nine, two to one, Genesis one one, John "
         "three sixteen"),
        ("5 - 3 = 2, 10-4=6, 10\N{MINUS SIGN}5", "five minus three equals two, ten minus four "
         "equals six, ten minus five"),
        ("1.5e-6, x^2, 10^-6, 10⁻³", "one point five times ten to the minus six, x squared, ten "
         "to the minus six, ten to the minus three"),
        ("+44 20 7946 0958, 212.555.0147", "plus four four, two zero, seven nine four six, zero "
         "nine five eight, two one two, five five five, zero one four seven"),
        ("Call 911. Reno, NV 89501", "Call nine one one. Reno, n v eight nine five zero one"),
        # money and units
        ("a £2.5tn debt, $3mm, ₹500 crore", "a two point five trillion pound debt, three million "
         "dollars, five hundred crore rupees"),
        ("3bn people, 10M users", "three billion people, ten million users"),
        ("a $1.5 billion deal, the $5 he owes", "a one point five billion dollar deal, the five "
         "dollars he owes"),
        ("$100-million project, a $5 bill", "one hundred million dollar project, a five dollar "
         "bill"),
        ("$15/hr, 10 mg/kg, 5 GB/month", "fifteen dollars per hour, ten milligrams per kilogram, "
         "five gigabytes per month"),
        ("100 kWh, 5G, 1h 30m", "one hundred kilowatt-hours, five g, one hour thirty minutes"),
        ("8 oz. cream, 6 ft. 2 in. tall", "eight ounces cream, six feet two inches tall"),
        ("2 tbsp salt, a 5-km run, 5 µm", "two tablespoons salt, a five kilometer run, five "
         "micrometers"),
        ("500 sq ft, 30 km2, 99¢", "five hundred square feet, thirty square kilometers, "
         "ninety-nine cents"),
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
        ("a $5 b-2 model", "a five dollar b- two model"),
        ("a $5 t-shirt, $5m", "a five dollar t-shirt, five million dollars"),
        ("US$50, A$5", "fifty u s dollars, five Australian dollars"),
        ("$.99 or 50€, 5-10 €", "ninety-nine cents or fifty euros, five to ten euros"),
        ("10 MB/s, 3 kg/s", "ten megabytes per second, three kilograms per second"),
        ("n ≥ 30, x ≤ 5, 37 ± 0.5", "n greater than or equal to thirty, x less than or equal to "
         "five, thirty-seven plus or minus zero point five"),
        # abbreviations and initials
        ("It was NOT my fault. DON'T!", "It was not my fault. don't!"),
        ("THE END", "the end"),
        ("In ACT I, AT&T", "In act one, a t and T"),
        ("NEW YORK (AP) - The", "new york, a p, The"),
        ("The name is apt. I ate a fig.", "The name is apt. I ate a fig."),
        ("an IBM and a DEC.", "an i b m and a d e c."),
        ("apt. 5, Fig. 3, Wed. at noon", "apartment five, figure three, wednesday at noon"),
        ("It took 20 ms. Then 5 ms later", "It took twenty milliseconds. Then five milliseconds "
         "later"),
        ("St Paul, Mt Everest, Ms Li, cats vs dogs", "saint Paul, mount Everest, miz Li, cats "
         "versus dogs"),
        ("see p. 5 and Ch. 3; the PhD", "see page five and chapter three; the p h d"),
        ("between WWI and WWII", "between world war one and world war two"),
        ("Dr. Smith and Mr Jones", "doctor Smith and mister Jones"),
        ("5 Main St. is near St. Paul", "five Main street is near saint Paul"),
        ("Oak Dr. home, the Dr. is", "Oak drive home, the doctor is"),
        ("e.g. this, i.e. that, etc.", "for example this, that is that, et cetera."),
        ("the FBI and NASA, two PCs", "the f b i and nasa, two p c's"),
        ("J. R. R. Tolkien of the U.S.A.", "J. R. R. Tolkien of the U S A."),
        ("STOP SHOUTING AT ME NOW", "stop shouting at me now"),
        ("STOP NOW", "stop now"),
        ("FBI, CIA, NSA.", "f b i, c i a, n s a."),
        # names and addresses
        ("CHAPTER XIV", "chapter fourteen"),
        ("HENRY VIII WAS KING", "henry the eighth was king"),
        ("Chapter XLII, Size XL", "Chapter forty-two, Size x l"),
        ("Elizabeth I and Henry V ruled.", "Elizabeth the first and Henry the fifth ruled."),
        ("the XIX century, Episode IV", "the nineteenth century, Episode four"),
        ("Go to example.com or edit main.py.", "Go to example dot com or edit main dot py."),
        ("https://a.com/w?v=b, 192.168.1.1", "a dot com slash w question mark v equals b, one "
         "hundred and ninety-two dot one hundred and sixty-eight dot one dot one"),
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
        ("# Title", "Title"),
        ("> said [the docs](https://a.b/c).[1]", "said the docs."),
        ("C# &amp; Tom&#39;s", "C sharp and Tom's"),
        ("mother\u2010in\u2011law wait\u2015what don\u00b4t don`t",
         "mother-in-law wait, what don't don't"),
        ("I went home (finally)", "I went home, finally"),
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
