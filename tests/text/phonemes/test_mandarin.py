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


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("2026-11-23", "二零二六年十一月二十三日"),
        ("1,234元", "一千二百三十四元"),
        ("10:30", "十点三十分"),
        ("10:00开会", "十点开会"),
        ("温度是-3度", "温度是负三度"),
        ("007", "零零七"),
        ("打13800138000", "打一三八零零一三八零零零"),
        ("१२个", "十二个"),
    ],
)
def test_figures_are_read_as_they_are_meant(written: str, same: str) -> None:
    assert "".join(string(load("z").words(written)).split()) == "".join(
        string(load("z").words(same)).split()
    )


def test_given_sounds() -> None:
    words = load("z").words("我是[李雷](/li↓lei↗/)。")
    assert string(words) == "wo↓ ʂɨ↘ li↓lei↗."


def test_what_cannot_be_said_is_told() -> None:
    assert unspoken(load("z").words("你∆兙好")) == ["∆", "兙"]


def test_nothing_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    phonemes.load("zh").words("你好 12345678901234567890 ५६")
    assert capfd.readouterr() == ("", "")
