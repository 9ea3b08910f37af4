"""Parity is tested where a checkpoint has these layers; here, who looks at what."""

import numpy as np
import pytest

from mlxtts.nn import mx, windowed
from mlxtts.nn.streaming import Flow, State, gather
from mlxtts.nn.windowed import Shape, Transformer, Window

SHAPE = Shape(16, 2, 24, 2, 2, 8, 1e-5, 10_000.0, window=5)


@pytest.fixture(scope="module")
def transformer() -> Transformer:
    mx.random.seed(0)
    return Transformer(SHAPE)


def run(transformer: Transformer, x: mx.array, state: State) -> tuple[np.ndarray, State]:
    flow = Flow(state)
    y = transformer(x, flow, state.positions)
    positions = tuple(at + x.shape[1] for at in state.positions)
    return np.array(y), State(positions, tuple(flow.tails))


def test_a_position_looks_at_its_window() -> None:
    alone = Window(Flow(State((0,))), 5, (0,), 7).mask
    assert alone is not None
    assert [[n for n in range(7) if row[n]] for row in np.array(alone)] == [
        [0], [0, 1], [0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3, 4], [1, 2, 3, 4, 5], [2, 3, 4, 5, 6],
    ]  # fmt: skip
    assert Window(Flow(State((0,))), 5, (0,), 5).mask is None


@pytest.mark.parametrize("cpu", [True, False])
@pytest.mark.parametrize("sizes", [[1] * 12, [3, 1, 8], [12], [5, 7], [4, 2, 6]])
def test_stretches_are_as_one(
    monkeypatch: pytest.MonkeyPatch, transformer: Transformer, sizes: list[int], cpu: bool
) -> None:
    for module in ("rope", "transformer"):
        monkeypatch.setattr(f"mlxtts.nn.{module}.on_cpu", lambda: cpu)
    x = mx.random.normal((2, 12, 16), key=mx.random.key(1))
    whole, _ = run(transformer, x, State((0, 0)))
    state, at, pieces = State((0, 0)), 0, []
    for size in sizes:
        piece, state = run(transformer, x[:, at : at + size], state)
        pieces.append(piece)
        at += size
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, atol=1e-5)


@pytest.mark.parametrize("cpu", [True, False])
def test_rows_that_began_at_different_times(
    monkeypatch: pytest.MonkeyPatch, transformer: Transformer, cpu: bool
) -> None:
    for module in ("rope", "transformer"):
        monkeypatch.setattr(f"mlxtts.nn.{module}.on_cpu", lambda: cpu)
    x = mx.random.normal((3, 9, 16), key=mx.random.key(2))
    expected = [run(transformer, x[n : n + 1], State((0,)))[0][0] for n in range(3)]
    _, long = run(transformer, x[:1, :6], State((0,)))
    _, short = run(transformer, x[1:2, :2], State((0,)))
    both, state = run(
        transformer,
        mx.stack([x[0, 6:8], x[1, 2:4], x[2, :2]]),
        gather([(long, 0), (short, 0), (State((0,)), 0)]),
    )
    for row, at in enumerate((6, 2, 0)):
        np.testing.assert_allclose(both[row], expected[row][at : at + 2], atol=1e-5)
    late, _ = run(transformer, x[2:, 2:], gather([(state, 2)]))
    np.testing.assert_allclose(late[0], expected[2][2:], atol=1e-5)
    assert windowed.scaled(mx.ones((2, 3)), mx.array([2.0, 3.0])).tolist() == [[2] * 3, [3] * 3]
