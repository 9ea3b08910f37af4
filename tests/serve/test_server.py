"""Listening, before anything is served."""

import contextlib
import errno
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlxtts.errors import describe
from mlxtts.serve.server import Place, listen

Listen = Callable[[Place], list[socket.socket]]


@pytest.fixture
def listening() -> Iterator[Listen]:
    with contextlib.ExitStack() as stack:

        def listening(place: Place) -> list[socket.socket]:
            return [stack.enter_context(bound) for bound in listen(place)]

        yield listening


def test_a_port_is_taken_from_the_beginning(listening: Listen) -> None:
    [first] = listening(Place("127.0.0.1", 0))
    port = first.getsockname()[1]
    with pytest.raises(OSError, match="in use") as caught:
        listening(Place("127.0.0.1", port))
    assert describe(caught.value) == f"127.0.0.1 port {port}: {os.strerror(errno.EADDRINUSE)}"


def test_a_path_is_taken_from_the_beginning(listening: Listen, tmp_path: Path) -> None:
    place = Place(unix=str(tmp_path / "speech"))
    [first] = listening(place)
    with pytest.raises(OSError, match="in use"):
        listening(place)
    first.close()  # as if it had been killed
    listening(place)


def test_of_many_at_once_one_has_the_path(listening: Listen, tmp_path: Path) -> None:
    path = str(tmp_path / "speech")
    for _ in range(20):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(path)
        bound: list[socket.socket] = []

        def one(bound: list[socket.socket] = bound) -> None:
            with contextlib.suppress(OSError):
                bound.extend(listening(Place(unix=path)))

        threads = [threading.Thread(target=one) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        [only] = bound
        only.close()
        Path(path).unlink()
