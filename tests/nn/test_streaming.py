import numpy as np

from mlxtts.nn import mx
from mlxtts.nn.streaming import Flow, State, gather


def steps(*rows: list[int]) -> mx.array:
    """(B, T, 1)"""
    return mx.array(rows, dtype=mx.float32)[..., None]


def values(x: mx.array) -> list[list[float]]:
    return np.array(x)[..., 0].tolist()


def test_what_was_before_comes_in_front() -> None:
    flow = Flow(State((0,)))
    assert values(flow.extend(steps([1, 2, 3]), 2)) == [[0, 0, 1, 2, 3]]
    again = Flow(State((3,), tuple(flow.tails)))
    assert again.held == 2
    assert values(again.extend(steps([4]), 2)) == [[2, 3, 4]]
    assert values(again.tails[0]) == [[3, 4]]
    assert again.held == 0


def test_the_first_step_may_hold() -> None:
    flow = Flow(State((0,)))
    assert values(flow.extend(steps([7, 8]), 2, hold=True)) == [[7, 7, 7, 8]]


def test_recalling_what_there_is() -> None:
    flow = Flow(State((0,)))
    assert values(flow.recall(steps([1, 2]), 3)) == [[1, 2]]
    flow = Flow(State((2,), tuple(flow.tails)))
    assert values(flow.recall(steps([3, 4]), 3)) == [[1, 2, 3, 4]]
    assert values(flow.tails[0]) == [[2, 3, 4]]


def test_rows_are_gathered_in_order_with_silence_before_them() -> None:
    short, long = State((1, 2), (steps([1], [2]),)), State((9,), (steps([7, 8, 9]),))
    found = gather([(short, 1), (long, 0), (State((0,)), 0), (short, 0)])
    assert found.positions == (2, 9, 0, 1)
    assert values(found.tails[0]) == [[0, 0, 2], [7, 8, 9], [0, 0, 0], [0, 0, 1]]


def test_a_whole_state_is_itself() -> None:
    state = State((1, 2), (steps([1], [2]),))
    assert gather([(state, 0), (state, 1)]) is state
    assert gather([(state, 1), (state, 0)]).positions == (2, 1)
