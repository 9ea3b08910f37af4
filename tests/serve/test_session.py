"""A stream, with a runner that does what the test says."""

from typing import Any

import pytest

from mlxtts.engine import Sound, Speaker
from mlxtts.errors import UsageError
from mlxtts.serve import plan
from mlxtts.serve.protocol import ProtocolError, Start
from mlxtts.serve.runner import Failed
from mlxtts.serve.session import Stream
from mlxtts.text.frontend import Frontend
from mlxtts.text.sentences import LONGEST
from mlxtts.wire.tokens import End
from tests.serve.fakes import SECOND, Runner

SPEAKER = Speaker("starter")


class Ear:
    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.unsent = 0

    def sound(self, stream: Stream, samples: bytes) -> None:
        self.heard.append(len(samples) // 96_000)
        self.unsent += len(samples) // 4

    def complete(self, stream: Stream) -> None:
        self.heard.append("complete")

    def failed(self, stream: Stream, problem: ProtocolError) -> None:
        self.heard.append(problem.code)


def stream(**options: Any) -> tuple[Stream, Runner, Ear]:
    runner, ear = Runner(), Ear()
    limits = {"queue": 2, "max_text": 100} | {
        name: options.pop(name) for name in ("queue", "max_text") if name in options
    }
    how = plan.make(SPEAKER, Start(**options), "starter", None)
    made = Stream(how, runner, SPEAKER.frontend, **limits)  # type: ignore[arg-type]
    made.listener = ear
    return made, runner, ear


def texts(runner: Runner) -> list[str]:
    return [ticket.request.text for ticket in runner.asked]


def test_a_piece_after_another() -> None:
    s, runner, ear = stream(seed=7, voice="rms", ultra_low_latency=True)
    s.say("One. Two.")
    assert texts(runner) == ["One."]
    runner.tell(Sound, SECOND)
    runner.tell(End)
    assert texts(runner) == ["One.", "Two."]
    runner.tell(Sound, SECOND)
    runner.tell(End)
    assert ear.heard == [1, 1, "complete"]
    first, second = (ticket.request for ticket in runner.asked)
    assert (first.name, second.name) == ("0", "1")
    assert first.id != second.id
    assert (first.seed, first.voice, first.pause) == (7, "rms", 0)
    assert second.pause == SPEAKER.config.segment_pause
    assert [ticket.going_on for ticket in runner.asked] == [False, True]
    assert {ticket.options.first for ticket in runner.asked} == {0}


def test_the_next_piece_waits_until_sound_has_gone() -> None:
    s, runner, ear = stream()
    s.say("One. Two.")
    for _ in range(4):
        runner.tell(Sound, SECOND)
    runner.tell(End)
    assert len(runner.asked) == 1
    assert not runner.tickets
    s.sent(24_000)
    assert len(runner.asked) == 1
    s.sent(24_000)
    assert len(runner.asked) == 2
    s.sent(48_000)
    runner.tell(End)
    assert ear.heard == [1, 1, 1, 1, "complete"]


def test_text_in_pieces() -> None:
    s, runner, ear = stream()
    assert s.state == "open"
    s.feed("One is. Two")
    assert texts(runner) == ["One is."]
    assert s.state == "speaking"
    assert s.unspoken == 3
    s.feed(" is.")
    runner.tell(End)
    assert s.state == "open"
    s.feed("\n")
    assert texts(runner)[1:] == ["Two is."]
    runner.tell(End)
    assert ear.heard == []
    s.close()
    assert ear.heard == ["complete"]
    with pytest.raises(ProtocolError):
        s.feed("more")
    with pytest.raises(ProtocolError):
        s.close()


def test_a_long_sentence_is_in_pieces_too() -> None:
    s, runner, _ = stream(max_text=1000)
    s.say("and so on, " * 60)
    assert 0 < len(runner.asked[0].request.text) <= 160
    assert s.unspoken > 300
    assert len(runner.asked) == 1


def test_figures_are_put_into_words_and_rows_of_dashes_left_out() -> None:
    s, runner, _ = stream()
    s.say("---\n\nIt costs $3.")
    assert texts(runner) == ["It costs three dollars."]


def test_a_whole_text_is_divided_as_one_that_comes_in_pieces() -> None:
    s, runner, _ = stream()
    s.say("Line one\nLine two\r\nLine three")
    for _ in range(3):
        runner.tell(End)
    assert texts(runner) == ["Line one", "Line two", "Line three"]


def test_a_text_without_an_end_is_not_read_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    parts = Frontend.parts
    monkeypatch.setattr(Frontend, "parts", lambda f, t: (read.append(len(t)), parts(f, t))[1])
    s, runner, _ = stream(max_text=20_000)
    s.say("999," * 5000)
    assert len(runner.asked) == 1
    assert 0 < sum(read) <= LONGEST


@pytest.mark.parametrize("text", ["", "---", " \n"])
def test_nothing_to_speak(text: str) -> None:
    s, runner, ear = stream()
    s.say(text)
    assert (ear.heard, runner.asked) == (["text"], [])
    s, runner, ear = stream()
    s.feed(text)
    assert ear.heard == []
    s.close()
    assert (ear.heard, runner.asked) == (["text"], [])


def test_too_much_text() -> None:
    s, _, ear = stream(max_text=100)
    s.feed("x" * 60)
    assert ear.heard == []
    s.feed("x" * 60)
    assert ear.heard == ["too_long"]


def test_a_full_house_is_told_when_the_first_piece_is_there() -> None:
    s, runner, ear = stream(queue=2)
    runner.full, runner.waiting = True, 2
    s.feed("One")
    assert ear.heard == []
    s.feed("\n")
    assert ear.heard == ["busy"]
    s, runner, ear = stream(queue=2)
    runner.full, runner.waiting = True, 1
    s.feed("One\n")
    runner.waiting = 2
    runner.tell(End)
    s.feed("Two\n")
    assert ear.heard == []
    assert len(runner.asked) == 2


def test_what_was_cut_is_told() -> None:
    s, runner, ear = stream()
    s.say("One. Two.")
    runner.tell(End, "length")
    runner.tell(End, "stop")
    assert s.stats()["truncated"]
    assert ear.heard == ["complete"]


def test_what_was_left_out_is_told_whenever_one_asks() -> None:
    s, runner, _ = stream()
    s.say("One <foo>. Two <bar>.")
    assert s.stats()["left_out"] == ["<foo>"]
    runner.tell(End)
    for _ in range(2):
        assert s.stats()["left_out"] == ["<bar>", "<foo>"]


def test_nothing_comes_of_a_stream_that_is_given_up() -> None:
    s, runner, ear = stream()
    s.say("One. Two.")
    runner.tell(Sound, SECOND)
    s.cancel()
    assert runner.tickets == []
    s.sent(24_000)
    s.cancel()
    assert ear.heard == [1]
    assert len(runner.asked) == 1


def test_a_request_that_the_model_refuses() -> None:
    s, runner, ear = stream()
    s.say("One. Two.")
    runner.tell(Failed, UsageError("no"))
    assert ear.heard == ["option"]
    assert len(runner.asked) == 1


def pauses(runner: Runner) -> list[tuple[str, float]]:
    """What was asked for: the text, and the silence before it."""
    for ticket in runner.asked:
        [segment] = ticket.request.segments
        assert segment.text == ticket.request.text
    return [
        (ticket.request.text, ticket.request.pause + ticket.request.segments[0].pause)
        for ticket in runner.asked
    ]


def test_pauses_in_the_text() -> None:
    s, runner, _ = stream()
    for piece in ("[pause:1s] One. Two <bre", "ak time='2.", "5s'/> three. [pause:4s]\nFour.\n"):
        s.feed(piece)
    s.close()
    for _ in range(4):
        runner.tell(End)
    usual = SPEAKER.config.segment_pause
    assert pauses(runner) == [("One.", 1.0), ("Two", usual), ("three.", 2.5), ("Four.", 4.0)]


def test_a_pause_that_cannot_be_read_ends_the_stream() -> None:
    s, runner, ear = stream()
    s.say("One. Two [pause:soon] three.")
    assert texts(runner) == ["One."]
    runner.tell(End)
    assert ear.heard == ["text"]


def test_a_language_that_is_not_installed_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    def parts(*_: object) -> None:
        raise UsageError("Japanese is not installed: pip install 'mlxtts[ja]'")

    monkeypatch.setattr("mlxtts.text.frontend.Frontend.parts", parts)
    s, runner, ear = stream()
    s.say("One. Two.")
    assert (ear.heard, runner.asked) == (["voice"], [])
    s, runner, ear = stream()
    s.feed("One.\n")
    assert (ear.heard, runner.asked) == (["voice"], [])


def test_more_markup_than_can_be_told_apart_ends_the_stream() -> None:
    much = "[pause:1s]" * (1 << 16)
    s, runner, ear = stream()
    s.say(much)
    assert (ear.heard, runner.asked) == (["text"], [])
    s, runner, ear = stream(max_text=len(much))
    s.feed(much + "\n")
    assert (ear.heard, runner.asked) == (["too_long"], [])
    s, runner, ear = stream(max_text=len(much) + 1)
    s.feed(much + "\n")
    assert (ear.heard, runner.asked) == (["text"], [])
