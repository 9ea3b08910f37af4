import pytest
from threadpoolctl import threadpool_info

from mlxtts.nn import threads


def counts() -> list[int]:
    return [library["num_threads"] for library in threadpool_info()]


def test_little_work_has_one_thread_while_it_lasts() -> None:
    before = counts()
    assert before
    with threads.enough(1, 1000):
        assert {*counts()} == {1}
        with threads.enough(1, 1000):
            assert {*counts()} == {1}
        assert {*counts()} == {1}
    assert counts() == before


@pytest.mark.parametrize(
    ("rows", "matrix"), [(1, threads.LITTLE // threads.READ + 1), (threads.LITTLE, 2)]
)
def test_much_work_has_all(rows: int, matrix: int) -> None:
    before = counts()
    with threads.enough(rows, matrix):
        assert counts() == before


def test_threads_come_back_after_an_error() -> None:
    before = counts()
    with pytest.raises(ValueError, match="x"), threads.enough(1, 1):
        raise ValueError("x")
    assert counts() == before
