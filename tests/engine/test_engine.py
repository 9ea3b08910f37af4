"""The loop, with a model that says what its text tells it."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from mlxtts.engine.engine import Engine
from mlxtts.engine.request import Request
from mlxtts.nn import mx
from mlxtts.nn.sampling import Sampling
from mlxtts.wire.tokens import Begin, Codes, End, Record


@dataclass
class Config:
    segment_pause: float = 0.25

    def frame_limit(self, text: str) -> int:
        return 5


class Model:
    """Speaks `abc` as the frames 0, 1, 2."""

    spoken: ClassVar[list[tuple[str, str]]] = []

    def speak(self, text: str, voice: str, sampling: Sampling, keys: mx.array) -> "Speech":
        self.keys = keys[0].tolist()
        return Speech(len(text))


class Speech:
    def __init__(self, length: int) -> None:
        self._length = length
        self._at = 0

    def frame(self) -> tuple[mx.array, mx.array]:
        self._at += 1
        return mx.array([self._at - 1, 7]), mx.array(self._at > self._length)


def request(name: str, *segments: str, **more: object) -> Request:
    return Request(name, "text", segments, "slt", Sampling(), 0, **more)  # type: ignore[arg-type]


def engine() -> Engine:
    return Engine(Model(), Config())  # type: ignore[arg-type]


def run(engine: Engine) -> list[Record]:
    return list(engine.run())


def test_an_utterance_from_begin_to_end() -> None:
    e = engine()
    assert e.idle
    assert e.step() == []
    e.add(request("1", "abc", pause=0.5))
    assert run(e) == [
        Begin("1", "text", 0.5),
        Codes("1", (0, 7), "abc"),
        Codes("1", (1, 7)),
        Codes("1", (2, 7)),
        End("1", "stop"),
    ]


def test_segments_follow_each_other_with_a_pause() -> None:
    e = engine()
    e.add(request("1", "ab", "c"))
    assert run(e)[1:-1] == [
        Codes("1", (0, 7), "ab"),
        Codes("1", (1, 7)),
        Codes("1", (0, 7), "c", 0.25),
    ]


def test_requests_are_spoken_in_order() -> None:
    e = engine()
    e.add(request("1", "a"))
    e.add(request("2", "b"))
    assert [(type(r).__name__, r.id) for r in run(e)] == [  # type: ignore[union-attr]
        *(("Begin", "1"), ("Codes", "1"), ("End", "1")),
        *(("Begin", "2"), ("Codes", "2"), ("End", "2")),
    ]


@pytest.mark.parametrize(
    ("text", "limit", "frames", "reason"),
    [
        ("a" * 4, None, 4, "stop"),
        ("a" * 5, None, 5, "stop"),  # it ends just at the limit
        ("a" * 6, None, 5, "length"),
        ("a" * 6, 2, 2, "length"),
        ("a" * 6, 6, 6, "stop"),
    ],
)
def test_a_cut_is_told(text: str, limit: int | None, frames: int, reason: str) -> None:
    e = engine()
    e.add(request("1", text, max_frames=limit))
    records = run(e)
    assert len(records) == frames + 2
    assert records[-1] == End("1", reason)


def test_a_cut_segment_cuts_the_utterance_and_the_rest_is_said() -> None:
    e = engine()
    e.add(request("1", "abcdefgh", "xy"))
    records = run(e)
    assert sum(isinstance(r, Codes) for r in records) == 7
    assert records[-1] == End("1", "length")


def test_cancelling() -> None:
    e = engine()
    for name in ("1", "2", "3"):
        e.add(request(name, "abc"))
    assert isinstance(e.step()[0], Begin)
    e.step()
    assert e.cancel("2") == []  # not begun
    assert e.cancel("1") == [End("1", "cancel")]
    assert e.cancel("1") == []
    rest = run(e)
    assert {r.id for r in rest} == {"3"}  # type: ignore[union-attr]
    assert e.idle


def test_keys_tell_utterances_and_segments_apart() -> None:
    keys = set()
    for name, segments in (("1", ("a",)), ("2", ("a",)), ("1", ("a", "b"))):
        model = Model()
        e = Engine(model, Config())  # type: ignore[arg-type]
        e.add(request(name, *segments))
        run(e)
        keys.add(tuple(model.keys))
    assert len(keys) == 3
