from functools import cache

import pytest

from mlxtts.text import phonemes
from mlxtts.text.phonemes import Word, string, unspoken

load = cache(phonemes.load)

TEXTS = (
    *("你好，世界！", "今天是2026年11月23日，下午3点半。", "《红楼梦》、很好"),
    *("他说：“你好吗？”（笑）", "我有5%的钱；你呢", "一个不错的东西儿……"),
)


def test_a_line() -> None:
    """Third tone falls, fourth falls from high, as the arrows say; no tone sandhi in this form."""
    assert load("z").words("你好，世界！") == [
        *(Word("你好", "ni↓xau↓"), Word("，", ",", True)),
        *(Word("世界", "ʂɨ↘ʨje↘"), Word("！", "!")),
    ]


@pytest.mark.parametrize("text", TEXTS)
def test_it_is_what_misaki_says(text: str) -> None:
    from misaki.zh import ZHG2P

    expected, _ = ZHG2P()(text)
    assert string(load("zh").words(text)) == " ".join(expected.split())


def test_figures_and_latin_letters() -> None:
    words = load("z").words("下午3点半，用WiFi。")
    assert words == [
        *(Word("下午", "ɕja↘u↓", True), Word("3点", "sa→ntjɛ↓n", True), Word("半", "pa↘n")),
        *(
            Word("，", ",", True),
            Word("用", "jʊ↘ŋ", True),
            Word("WiFi", "wˈI fˌI"),
            Word("。", "."),
        ),
    ]


def test_given_sounds() -> None:
    words = load("z").words("我是[李雷](/li↓lei↗/)。")
    assert string(words) == "wo↓ ʂɨ↘ li↓lei↗."


def test_what_cannot_be_said_is_told() -> None:
    assert unspoken(load("z").words("你∆兙好")) == ["∆", "兙"]


def test_nothing_on_stderr_and_no_cache(capfd: pytest.CaptureFixture[str]) -> None:
    load("z").words("你好")
    assert capfd.readouterr() == ("", "")
