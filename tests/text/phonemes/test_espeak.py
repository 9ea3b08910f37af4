"""The languages of espeak-ng. Which sound is right was looked up, not recorded: stress on the last
syllable but one in Spanish and Italian, liaison in French, a palatal d in Brazil."""

from functools import cache

import pytest

from mlxtts.text import phonemes
from mlxtts.text.phonemes import Word, string, unspoken

load = cache(phonemes.load)


@pytest.mark.parametrize(
    ("language", "text", "sound"),
    [
        ("e", "¿Qué tal, amigo?", "kˈe tˈal, amˈiɣo?"),
        ("es", "Tengo 3,5 euros.", "tˈɛŋɡo tɾˈes kˈoma θˈinko ˈeʊɾos."),
        ("f", "Les amis sont arrivés.", "lez amˈi sˈɔ̃t aʁivˈe."),
        ("fr", "Il dit : « Oui ! »", "il dˈi : “ wˈi ! ”"),
        ("h", "नमस्ते, आप कैसे हैं?", "nəmˈʌsteː, ˌaːp kˈɛːseː hɛ̃?"),
        ("i", "Buongiorno, come stai?", "bʊonʤˈɔrno, kˌome stˈaj?"),
        ("p", "Bom dia, tudo bem?", "bˈoŋ ʤˈiæ, tˈudʊ bˈAŋ?"),
    ],
)
def test_a_line_of_each(language: str, text: str, sound: str) -> None:
    assert string(load(language).words(text)) == sound


def test_words_and_sounds() -> None:
    assert load("f").words("Les amis (ici) à 8:30 !") == [
        *(
            Word("Les", "lez", True),
            Word("amis", "amˈi", True),
            Word("(", "("),
            Word("ici", "isˈi"),
        ),
        *(Word(")", ")", True), Word("à", "a", True), Word("8:30", "yˈi tʁˈɑ̃t", True)),
        Word("!", "!"),
    ]


def test_more_sounds_than_words() -> None:
    assert load("e").words("a 1.234 perros") == [
        *(Word("a", "a", True), Word("1.234", "mˈil ðosθjˈentos tɾˌAntaikwˈatɾo", True)),
        Word("perros", "pˈeros"),
    ]
    assert [word.text for word in load("e").words("y/o, si @ no")][:3] == ["y/o", ",", "si"]


def test_words_in_brackets_are_no_flags() -> None:
    assert string(load("e").words("uno (el) dos")) == "ˈuno (ˈel) dˈos"
    assert string(load("fr").words("un (le) deux")).count("(") == 1


def test_decoration_is_not_heard() -> None:
    assert load("e").words("*hola* _amigo_ * `uno`") == [
        *(Word("*hola*", "ˈola", True), Word("_amigo_ *", "amˈiɣo", True), Word("`uno`", "ˈuno")),
    ]


def test_given_sounds() -> None:
    words = load("i").words("Ciao [Kokoro](/kokoro/), [ciao](+1)!")
    assert string(words) == "ʧˈao kokoro, ʧˈao!"
    assert [word.text for word in words] == ["Ciao", "Kokoro", ",", "ciao", "!"]


def test_what_cannot_be_said_is_told() -> None:
    assert unspoken(load("e").words("hola ∆ amigo")) == ["∆"]


def test_nothing_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    phonemes.load("f").words("le weekend à New York, Привет")
    assert capfd.readouterr() == ("", "")
