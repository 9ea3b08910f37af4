from functools import cache

import pytest

from mlxtts.text import phonemes
from mlxtts.text.phonemes import Word, string, unspoken

load = cache(phonemes.load)

TEXTS = (
    *(
        "こんにちは、世界！",
        "今日は2026年11月23日です。",
        "東京へ行きます。",
        "ちょっと待って！30分",
    ),
    *("「はい」と言った。", "がっこうに行った、「きっと」ね", "ラーメンを食べる・飲む"),
)


def test_a_line() -> None:
    """Particle wa, a nasal that takes the place of what follows it, an opening quote."""
    assert load("j").words("こんにちは、「世界」！") == [
        *(Word("こんにちは", "koɲɲiʨiβa"), Word("、", ",", True), Word("「", "“")),
        *(Word("世界", "sekai"), Word("」", "”"), Word("！", "!")),
    ]


@pytest.mark.parametrize("text", TEXTS)
def test_it_is_what_misaki_says(text: str) -> None:
    from misaki.cutlet import Cutlet

    expected, _ = Cutlet()(text)
    assert string(load("ja").words(text)) == expected


@pytest.mark.parametrize(
    ("text", "sound"),
    [
        ("3.5%", "saɴ teɴ ɡo paːsento"),
        ("1,234円", "seɴ ɲi çakɯ saɲʥɨːjoɴ eɴ"),
        ("007", "ʣeɾo ʣeɾo nana"),
        ("12345678901", "iʨi ɲi saɴ joɴ ɡo ɾokɯ nana haʨi kʲɨː ʣeɾo iʨi"),
        ("ｶﾀｶﾅ", "katakana"),
        ("１０分", "ʥɨː ɸɯɴ"),
        ("१२", "ʥɨːɲi"),
        ("Pythonが好き", "pˈIθˌɑn ɡa sɨkʲi"),
        ("[心](/kokoɾo/)です", "kokoɾo desɨ"),
    ],
)
def test_how_it_is_said(text: str, sound: str) -> None:
    assert string(load("j").words(text)) == sound


def test_what_cannot_be_said_is_told() -> None:
    assert unspoken(load("j").words("はい🎉")) == ["🎉"]
