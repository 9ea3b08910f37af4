import pytest

from mlxtts.text.phonemes.tagger import tags
from mlxtts.text.phonemes.tagger_cases import respelling

BOTH = {"record", "live", "use", "present", "read", "object", "close", "content"}


def tagged(text: str) -> str:
    return " ".join(tags(text.split(), BOTH.__contains__))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I record a record .", "PRP VBP DT NN ."),
        ("to live", "TO VB"),
        ("The live show .", "DT JJ NN ."),
        ('" Read it , " I said .', "`` VB PRP , '' PRP VBD ."),
        ("He said -- no ( 3 % ) …", "PRP VBD : DT -LRB- CD NN -RRB- :"),
        ("NASA met Ann in Rome", "NNP VBD NNP IN NNP"),
        ("the IT department", "DT NNP NN"),
        ("it is * bold *", "PRP VBZ NFP JJ NFP"),
        ("the grade A .", "DT NN NNP ."),
        ("A plan", "DT NN"),
        ("We used to use it", "PRP VBD TO VB PRP"),
        ("We are used to it", "PRP VBP JJ TO PRP"),
        ("It is used to cut", "PRP VBZ VBN TO VB"),
        ("I know that man", "PRP VB DT NN"),
        ("I know that he", "PRP VB IN PRP"),
        ("", ""),
    ],
)
def test_tags(text: str, found: str) -> None:
    assert tagged(text) == found


def test_what_a_tag_does_not_tell() -> None:
    def spelled(text: str) -> list[str | None]:
        words = text.split()
        found = tags(words, BOTH.__contains__)
        return [respelling(words, found, at) for at in range(len(words))]

    assert spelled("the lead pipe") == [None, "led", None]
    assert spelled("They lead the way") == [None] * 4
    assert spelled("in the lead") == [None] * 3
