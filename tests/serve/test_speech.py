"""The service of a model, before there is anybody to speak to."""

import asyncio
import threading
from pathlib import Path

import pytest

from mlxtts.engine import Speaker, Synthesis
from mlxtts.engine.synthesis import Event
from mlxtts.errors import TextError
from mlxtts.serve.protocol import Start
from mlxtts.serve.speech import Limits, Speech
from mlxtts.text.frontend import Segment
from mlxtts.text.phonetic import Phonetic
from tests import kokoro
from tests.serve.fakes import Runner
from tests.serve.test_session import Ear, texts


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


class Reading:
    """In place of Phonetic.parts: a language takes until `go` to be loaded, once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loaded: list[tuple[str, int]] = []
        self.go = threading.Event()
        reading = self

        def parts(frontend: Phonetic, text: str) -> tuple[tuple[Segment, ...], float]:
            reading.load(frontend.language)
            return (Segment(text),), 0.0

        monkeypatch.setattr(Phonetic, "parts", parts)

    def load(self, language: str) -> None:
        if language not in [language for language, _ in self.loaded]:
            assert self.go.wait(60)
            self.loaded.append((language, threading.get_ident()))


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Reading:
    return Reading(monkeypatch)


@pytest.fixture
def phonetic(tmp_path: Path) -> Speech:
    return Speech(Speaker(str(kokoro.folder(tmp_path / "kokoro"))), "kokoro", None, Limits())


def test_what_reads_its_language_is_loaded_with_the_model(
    phonetic: Speech, reading: Reading
) -> None:
    reading.go.set()
    phonetic._load()
    assert reading.loaded == [("en", threading.get_ident())]


def test_a_language_is_loaded_while_the_loop_goes_on(phonetic: Speech, reading: Reading) -> None:
    async def scene() -> None:
        runner = Runner()
        phonetic.runner = runner  # type: ignore[assignment]
        for _ in range(2):
            plan = phonetic.plan(Start())
            stream = phonetic.stream(plan)
            stream.listener = Ear()
            stream.say("One.")
        gone = phonetic.stream(plan)
        gone.say("Nobody hears it.")
        gone.cancel()
        assert (stream.state, runner.asked) == ("waiting", [])
        reading.go.set()
        while len(runner.asked) < 2:
            await asyncio.sleep(0.01)
        phonetic.stream(plan).say("Two.")
        assert texts(runner) == ["One.", "One.", "Two."]
        [(_, thread)] = reading.loaded
        assert thread != threading.get_ident()

    asyncio.run(asyncio.wait_for(scene(), 60))
