from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxtts.errors import TextError, describe
from mlxtts.text.emphasis import Marked
from mlxtts.text.lexicon import Entry, Lexicon


def lexicon(*entries: tuple[str, str]) -> Lexicon:
    return Lexicon(Entry(word, respelling=said) for word, said in entries)


def respelled(words: Lexicon, text: str) -> str:
    return Marked.read(text).edited(words.respellings(text)).text


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "words.tsv"
    path.write_bytes(
        "\ufeff# names\n\nKokoro\t/kˈOkəɹO/\r\nnginx\tengine x\n  \nNew  York\t/nuː jˈɔɹk/\n"
        "Kokoro\tko co row\n#hash\tno\n".encode()
    )
    words = Lexicon.read(path)
    assert words
    assert [entry for *_, entry in words.find("Kokoro NGINX New\nYork kokoro hash")] == [
        Entry("Kokoro", "kˈOkəɹO", "ko co row"),
        Entry("nginx", None, "engine x"),
        Entry("New York", "nuː jˈɔɹk"),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"Kokoro /x/", "not a word, a tab and how it sounds: 'Kokoro /x/'"),
        (b"a\tb\tc", "not a word, a tab and how it sounds"),
        (b"Kokoro\t", "how it sounds is missing"),
        (b"\tx", "the word is missing"),
        (b"a\t/x", "phonemes are within two slashes: '/x'"),
        (b"a\t//", "phonemes are within two slashes"),
        (b"a\t/", "phonemes are within two slashes"),
        ("a\tkˈOkəɹO".encode(), "phonemes are within two slashes: 'kˈOkəɹO'"),
        (b"caf\xe9\tcoffee", "not UTF-8"),
        (b"a\tb\0", "is missing"),
        (b"word\tother", "'word' has been said already"),
        (b"sound\t/y/", "'sound' has been said already"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, line: bytes, reason: str) -> None:
    path = tmp_path / "words.tsv"
    path.write_bytes(b"word\tsaid\nsound\t/x/\n" + line + b"\nlast\tlast\n")
    with pytest.raises(TextError) as caught:
        Lexicon.read(path)
    assert describe(caught.value).startswith(f"{path}: line 3: ")
    assert reason in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Lexicon.read(tmp_path / "none.tsv")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cat", "dog"),
        ("Cat CAT", "dog dog"),
        ("cats concat cat5 cat_", "cats concat cat5 cat_"),
        ("cat's cats' (cat) cat-like 'cat'", "dog's cats' (dog) dog-like 'dog'"),
        ("the cat’s", "the dog’s"),
        ("cat'll", "cat'll"),
        ("ll we'll", "double l we'll"),
        ("US us", "you ess us"),
        ("new york new york city", "big apple big town"),
        ("New\n York", "big apple"),
        ("C++ C", "see plus plus C"),
        ("東京都", "とうきょう都"),
        ("राम रामि", "raam रामि"),
        ("", ""),
    ],
)
def test_whole_words(text: str, said: str) -> None:
    words = lexicon(
        *(("cat", "dog"), ("ll", "double l"), ("US", "you ess"), ("new york", "big apple")),
        *(("new york city", "big town"), ("C++", "see plus plus"), ("東京", "とうきょう")),
        ("राम", "raam"),
    )
    assert respelled(words, text) == said


def test_the_exact_case_comes_first() -> None:
    words = lexicon(("polish", "pawlish"), ("Polish", "pole ish"))
    assert respelled(words, "polish Polish POLISH") == "pawlish pole ish pawlish"


def test_phonemes_alone_are_not_spelled() -> None:
    words = Lexicon([Entry("cat", phonemes="kˈæt")])
    assert respelled(words, "a cat") == "a cat"
    assert not Lexicon()
    assert respelled(Lexicon(), "a cat") == "a cat"


@given(st.text("ab .'", max_size=30))
def test_what_is_no_entry_stays(text: str) -> None:
    words = lexicon(("ab", "x"), ("a b", "y"))
    found = [*words.find(text)]
    assert all(before[1] <= after[0] for before, after in pairwise(found))
    rest = respelled(words, text).replace("x", "ab").replace("y", "a b")
    assert rest.split() == text.split()
