"""The loop, with a model that says what its text tells it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from mlxtts.engine.engine import Engine
from mlxtts.engine.request import Request
from mlxtts.models import Example, Frame
from mlxtts.nn import mx
from mlxtts.nn.sampling import Sampling
from mlxtts.text.frontend import Segment
from mlxtts.wire.tokens import Begin, Codes, End, Record


@dataclass
class Config:
    segment_pause: float = 0.25

    def frame_limit(self, letters: int) -> int:
        return 5


@dataclass
class Prompt:
    text: str
    left: int
    at: int = 0


class Model:
    """Speaks `abc` as the frames 0, 1, 2; a prompt is as long as its text."""

    def __init__(self) -> None:
        self.rows: list[Prompt] = []
        self.widths: list[int] = []
        self.keys: list[int] = []

    def prompt(
        self,
        segment: Segment,
        voice: str,
        sampling: Sampling,
        keys: mx.array,
        example: Example | None = None,
    ) -> Prompt:
        self.keys = keys[0].tolist()  # type: ignore[assignment]
        return Prompt(segment.text, len(segment.text))

    def batch(self, width: int = 1, cache_bits: int = 16) -> "Model":
        return self

    def read(self, pieces: Sequence[tuple[Prompt, int]]) -> None:
        for prompt, tokens in pieces:
            assert 0 < tokens <= prompt.left
            prompt.left -= tokens

    def join(self, prompt: Prompt) -> None:
        assert not prompt.left
        self.rows.append(prompt)

    def leave(self, row: int) -> None:
        self.rows[row] = self.rows[-1]
        self.rows.pop()

    def frame(self) -> "Frames":
        self.widths.append(len(self.rows))
        for row in self.rows:
            row.at += 1
        ended = [row.at > len(row.text) for row in self.rows]
        return Frames(
            [None if e else Frame((r.at - 1, 7)) for r, e in zip(self.rows, ended, strict=True)]
        )


@dataclass
class Frames:
    frames: list[Frame | None]

    def read(self) -> list[Frame | None]:
        return self.frames


def request(name: str, *segments: str, **more: object) -> Request:
    texts = tuple(map(Segment, segments))
    return Request(name, "text", texts, "slt", Sampling(), 0, **more)  # type: ignore[arg-type]


def engine(width: int = 1) -> Engine:
    return Engine(Model(), Config(), width)  # type: ignore[arg-type]


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


def ids(records: list[Record], kind: type) -> list[str]:
    return [r.id for r in records if isinstance(r, kind)]  # type: ignore[attr-defined]


def test_several_are_spoken_at_once_and_nobody_waits_for_anothers_end() -> None:
    e = engine(width=2)
    for name, text in (("1", "abcd"), ("2", "a"), ("3", "abc")):
        e.add(request(name, text))
    assert e.room == -1
    records = run(e)
    assert ids(records, Begin) == ["1", "2", "3"]
    assert ids(records, End) == ["2", "1", "3"]
    for name, text in (("1", "abcd"), ("2", "a"), ("3", "abc")):
        frames = [r.codes for r in records if isinstance(r, Codes) and r.id == name]
        assert frames == [(n, 7) for n in range(len(text))]
    assert e.room == 2


def test_a_long_prompt_does_not_hold_up_who_is_being_spoken() -> None:
    e = engine(width=2)
    e.add(request("1", "abcde", max_frames=99))
    e.step()
    e.add(request("2", "x" * 1500, max_frames=1))
    steps = [e.step() for _ in range(4)]
    assert [ids(step, Codes) for step in steps] == [["1"], ["1"], ["1"], ["1", "2"]]


def test_cancelling_one_leaves_the_others_alone() -> None:
    e = engine(width=3)
    for name in "123":
        e.add(request(name, "abcde"))
    for _ in range(3):
        e.step()
    assert e.cancel("1") == [End("1", "cancel")]
    e.add(request("4", "ab"))
    rest = run(e)
    assert sorted(ids(rest, End)) == ["2", "3", "4"]
    assert ids(rest, Codes).count("2") == ids(rest, Codes).count("3") == 3


def test_rows_are_only_as_many_as_are_spoken() -> None:
    model = Model()
    e = Engine(model, Config(), 8)  # type: ignore[arg-type]
    e.add(request("1", "ab"))
    run(e)
    assert set(model.widths) == {1}
