import threading
from collections.abc import Iterator

import pytest

from mlxtts.ahead import Ahead
from mlxtts.errors import ModelError


def test_ahead_waits_only_when_told_to() -> None:
    given, wanted = threading.Event(), threading.Event()

    def items() -> Iterator[str]:
        yield "a"
        given.wait()
        yield "b"
        wanted.set()
        raise ModelError("broken")

    ahead = Ahead(items())
    assert ahead.next(wait=True) == "a"
    assert ahead.next(wait=False) is None
    given.set()
    assert ahead.next(wait=True) == "b"
    wanted.wait()
    with pytest.raises(ModelError, match="broken"):
        ahead.next(wait=True)


def test_ahead_comes_to_an_end() -> None:
    ahead = Ahead([1, 2])
    assert [ahead.next(wait=True) for _ in range(4)] == [1, 2, None, None]
    assert ahead.ended
