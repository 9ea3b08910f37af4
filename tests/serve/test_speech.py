"""The service of a model, before there is anybody to speak to."""

import pytest

from mlxtts import nn
from mlxtts.engine import Speaker, Synthesis
from mlxtts.errors import TextError
from mlxtts.serve.speech import Limits, Speech


@pytest.fixture
def speech(monkeypatch: pytest.MonkeyPatch) -> Speech:
    monkeypatch.setattr(nn, "_long_lived", False)
    monkeypatch.setattr("mlxtts.serve.speech.on_cuda", lambda: True)
    return Speech(Speaker("starter"), "starter", None, Limits(max_streams=2))


def test_on_cuda_it_has_spoken_before_it_is_there(
    speech: Speech, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    add = Synthesis.add
    monkeypatch.setattr(Synthesis, "add", lambda self, r, *o: (asked.append(r.text), add(self, r)))
    synthesis = speech._load()
    assert asked == ["Yes."]
    assert synthesis.idle
    assert synthesis.room == 2
    assert nn._long_lived


def test_a_model_that_cannot_say_the_word_is_there_all_the_same(
    speech: Speech, monkeypatch: pytest.MonkeyPatch
) -> None:
    def request(*_: object) -> None:
        raise TextError("no")

    monkeypatch.setattr(speech._speaker, "request", request)
    assert speech._load().idle
