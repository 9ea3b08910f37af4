"""The service of a model, before there is anybody to speak to."""

import pytest

from mlxtts.engine import Speaker, Synthesis
from mlxtts.engine.synthesis import Event
from mlxtts.errors import TextError
from mlxtts.serve.speech import Limits, Speech


@pytest.fixture
def speech(monkeypatch: pytest.MonkeyPatch) -> Speech:
    monkeypatch.setattr("mlxtts.serve.speech.on_cuda", lambda: True)
    return Speech(Speaker("starter"), "starter", None, Limits(max_streams=2))


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_on_cuda_it_has_spoken_before_it_is_there(
    speech: Speech, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    speech.limits = Limits(max_streams=rows)
    asked, most = [], 0
    add, step = Synthesis.add, Synthesis.step

    def count(self: Synthesis) -> list[Event]:
        nonlocal most
        events = step(self)
        most = max(most, rows - self.room)
        return events

    monkeypatch.setattr(Synthesis, "add", lambda self, r, *o: (asked.append(r.text), add(self, r)))
    monkeypatch.setattr(Synthesis, "step", count)
    synthesis = speech._load()
    assert asked == ["Yes."] * min(rows, 2)
    assert most == min(rows, 2)
    assert synthesis.idle
    assert synthesis.room == rows


def test_a_model_that_cannot_say_the_word_is_there_all_the_same(
    speech: Speech, monkeypatch: pytest.MonkeyPatch
) -> None:
    def request(*_: object) -> None:
        raise TextError("no")

    monkeypatch.setattr(speech._speaker, "request", request)
    assert speech._load().idle
