"""A cache against what it stands for: each row's own list of keys and values."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mlxtts.nn import mx
from mlxtts.nn.cache import STEP, Cache

LAYERS, HEADS, DIM = 2, 2, 1


class Rows:
    """A cache, and beside it what each row has been given: its number at each position."""

    def __init__(self) -> None:
        self.cache = Cache(LAYERS, rows=0)
        self.rows: list[list[float]] = []
        self.next = 0.0

    def values(self, count: int) -> list[float]:
        first, self.next = self.next, self.next + count
        return [first + n for n in range(count)]

    def join(self, length: int) -> None:
        row, single = self.values(length), Cache(LAYERS)
        for layer in range(LAYERS):
            single.update(layer, tensor([row], layer))
        single.advance(length)
        self.cache.append(single, 0, length)
        self.rows.append(row)

    def leave(self, row: int) -> None:
        self.cache.remove(row)
        self.rows[row] = self.rows[-1]
        self.rows.pop()

    def step(self) -> None:
        new = self.values(len(self.rows))
        offset, mask = self.cache.offset, self.cache.mask
        wanted = [len(row) for row in self.rows]
        assert (offset.tolist() if isinstance(offset, mx.array) else [offset] * len(new)) == wanted
        for row, value in zip(self.rows, new, strict=True):
            row.append(value)
        for layer in range(LAYERS):
            keys, values = self.cache.update(layer, tensor([[value] for value in new], layer))
            self.check(np.array(keys), np.array(values), mask, layer)
        self.cache.advance(1)

    def check(
        self, keys: np.ndarray, values: np.ndarray, mask: mx.array | None, layer: int
    ) -> None:
        allowed = (
            np.ones((len(keys), 1, 1, keys.shape[2]), bool) if mask is None else np.array(mask)
        )
        for n, row in enumerate(self.rows):
            seen = allowed[n, 0, 0]
            assert keys[n, 0, seen, 0].tolist() == [100 * layer + x for x in row]
            assert values[n, 0, seen, 0].tolist() == [100 * layer - x for x in row]


def tensor(rows: list[list[float]], layer: int) -> mx.array:
    """(B, 2, T, 1): keys and values of one head."""
    x = mx.array(rows)[:, None, :, None]
    return mx.concatenate([100 * layer + x, 100 * layer - x], axis=1)


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("join"), st.integers(1, 300)),
        st.tuples(st.just("leave"), st.integers(0, 9)),
        st.tuples(st.just("step"), st.integers(1, 60)),
    ),
    max_size=12,
)


@settings(max_examples=25)
@given(ACTS)
def test_rows_come_and_go_and_keep_their_own(acts: list[tuple[str, int]]) -> None:
    rows = Rows()
    for act, number in acts:
        if act == "join":
            rows.join(number)
        elif not rows.rows:
            continue
        elif act == "leave":
            rows.leave(number % len(rows.rows))
        else:
            for _ in range(number):
                rows.step()


def test_columns_that_nobody_needs_are_used_again() -> None:
    rows = Rows()
    rows.join(5)
    for _ in range(20):
        rows.join(30)
        for _ in range(STEP // 2):
            rows.step()
        rows.leave(0)
    held = rows.cache._layers[0]
    assert held is not None
    assert held.shape[2] <= 3 * STEP


def test_a_fork_goes_on_alone() -> None:
    cache = Cache(LAYERS)
    for layer in range(LAYERS):
        cache.update(layer, tensor([[1.0, 2.0]], layer))
    cache.advance(2)
    fork = cache.fork()
    for each, value in ((cache, 3.0), (fork, 4.0), (cache.fork(), 5.0)):
        assert each.offset == 2
        for layer in range(LAYERS):
            keys, values = each.update(layer, tensor([[value]], layer))
            assert keys[0, 0, :, 0].tolist() == [100 * layer + x for x in (1, 2, value)]
            assert values[0, 0, :, 0].tolist() == [100 * layer - x for x in (1, 2, value)]
    for each in (cache, fork):
        each.advance(1)
        assert (len(each), each.offset) == (1, 3)
