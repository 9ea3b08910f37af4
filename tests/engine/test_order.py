from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from mlxtts.engine.order import Order, Spoken
from mlxtts.wire.tokens import Begin, Codes, End


def utterance(name: str, frames: int) -> list[Spoken]:
    codes = [Codes(name, (n,)) for n in range(frames)]
    return [Begin(name, "text"), *codes, End(name, "stop")]


UTTERANCES = st.lists(st.integers(0, 4), min_size=1, max_size=5).map(
    lambda sizes: [utterance(str(n), size) for n, size in enumerate(sizes)]
)


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[list[list[Spoken]], list[Spoken]]:
    """Utterances, and their records in an order in which they may come: begun one by one."""
    whole = draw(UTTERANCES)
    records = [utterance[0] for utterance in whole]
    rest = [list(utterance[1:]) for utterance in whole]
    while any(rest):
        records.append(draw(st.sampled_from([left for left in rest if left])).pop(0))
    return whole, records


def passed(order: Order, records: list[Spoken]) -> Iterator[Spoken]:
    for record in records:
        yield from order.push([record])


@given(interleaved())
def test_utterances_come_whole_and_in_order(case: tuple[list[list[Spoken]], list[Spoken]]) -> None:
    whole, records = case
    assert [*passed(Order(matters=True), records)] == [r for u in whole for r in u]


@given(interleaved())
def test_without_order_they_still_come_whole(case: tuple[list[list[Spoken]], list[Spoken]]) -> None:
    whole, records = case
    found = [*passed(Order(matters=False), records)]
    names = list(dict.fromkeys(record.id for record in found))
    assert found == [record for name in names for record in whole[int(name)]]
    assert len(names) == len(whole)


def test_without_order_what_has_ended_need_not_wait_for_what_has_not() -> None:
    order = Order(matters=False)
    a, b, c = (utterance(name, 1) for name in "abc")
    assert [*order.push(a[:1])] == a[:1]
    assert [*order.push([b[0], *c])] == []
    assert [*order.push(a[1:])] == [*a[1:], *c, b[0]]
    assert [*order.push(b[1:])] == b[1:]
