"""Sound of several requests at a time: the same as that of each through a pipeline."""

import gc
import struct
import weakref
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest

from mlxtts.codecs.decoding import Decoding, Options
from mlxtts.engine import Sound, Speaker, Synthesis
from mlxtts.errors import UsageError
from mlxtts.text.lines import Utterance
from mlxtts.wire.tokens import Begin, End
from tests.codecs.fake import Codec
from tests.engine.test_engine import engine, request

Event = Begin | Sound | End


def synthesis(width: int = 1) -> tuple[Synthesis, Codec]:
    codec = Codec()
    return Synthesis(engine(width), codec), codec  # type: ignore[arg-type]


def heard(events: list[Event], id: str) -> list[float]:
    data = b"".join(e.data for e in events if isinstance(e, Sound) and e.id == id)
    return [round(s, 4) for s in struct.unpack(f"<{len(data) // 4}f", data)]


def test_an_utterance_from_begin_to_end() -> None:
    s, _ = synthesis()
    assert s.idle
    assert s.step() == []
    s.add(request("1", "abc", pause=0.001))
    events = [*s.run()]
    assert s.idle
    assert isinstance(events[0], Begin)
    assert events[-1] == End("1", "stop")
    assert heard(events, "1") == [0] * 8 + [0.0] * 10 + [0.01] * 10 + [0.02] * 10


def test_rows_are_decoded_in_common() -> None:
    s, codec = synthesis(3)
    for name in "123":
        s.add(request(name, "abcd"))
    events = [*s.run()]
    assert codec.calls == [("push", 3)] * 4 + [("flush", 3)]
    for name in "123":
        assert heard(events, name) == [0.0] * 10 + [0.01] * 10 + [0.02] * 10 + [0.03] * 10


def test_segments_have_their_pauses() -> None:
    s, _ = synthesis()
    s.add(request("1", "ab", "a"))
    silence = [0.0] * 2000
    assert heard([*s.run()], "1") == [0.0] * 10 + [0.01] * 10 + silence + [0.0] * 10


def test_options_are_an_utterances_own() -> None:
    s, codec = synthesis(2)
    s.add(request("1", "abcd"), Options(chunk_tokens=4))
    s.add(request("2", "abcd"), Options(lookahead=1, chunk_ms=0.5))
    events = [*s.run()]
    assert sorted(codec.chunks) == [1, 1, 1, 1, 2, 2]
    assert {stream[1] for stream in codec.streams} == {None, 1}
    sizes = {
        name: {len(e.data) for e in events if isinstance(e, Sound) and e.id == name}
        for name in "12"
    }
    assert sizes == {"1": {40, 80}, "2": {16}}
    with pytest.raises(UsageError, match="chunk_tokens 3"):
        s.add(request("3", "a"), Options(chunk_tokens=3))
    assert s.idle


def test_cancelling_is_at_once() -> None:
    s, _ = synthesis(1)
    for name in "12":
        s.add(request(name, "abcd"))
    s.step()
    s.step()
    assert s.cancel("1") == [End("1", "cancel")]
    assert s.cancel("1") == s.cancel("nobody") == []
    events = [*s.run()]
    assert {e.id for e in events} == {"2"}
    assert len(heard(events, "2")) == 40
    s.add(request("1", "a"))
    s.add(request("3", "a"))
    assert s.cancel("3") == []
    assert {e.id for e in s.run()} == {"1"}


def test_the_sound_of_many_is_fetched_a_step_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def steps() -> list[list[Event]]:
        s, _ = synthesis(2)
        for name, text in (("1", "abcd"), ("2", "ab")):
            s.add(request(name, text))
        found = []
        while not s.idle:
            found.append(s.step())
        return found

    at_once = steps()
    monkeypatch.setattr("mlxtts.engine.synthesis.MANY", 2)
    later = steps()
    for name in "12":
        assert heard([*chain(*later)], name) == heard([*chain(*at_once)], name)
    sounds = [
        [any(isinstance(e, Sound) for e in events) for events in found]
        for found in (later, at_once)
    ]
    assert sounds[0].index(True) == sounds[1].index(True) + 1


def test_what_is_cancelled_while_its_sound_is_under_way_is_not_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mlxtts.engine.synthesis.MANY", 2)
    s, _ = synthesis(3)
    for name in "123":
        s.add(request(name, "abcd"))
    events = s.step() + s.step()
    while not heard(events, "1"):
        events = s.step()
    assert s.cancel("2") == [End("2", "cancel")]
    rest = [*s.run()]
    assert {e.id for e in rest} == {"1", "3"}
    assert heard(events + rest, "3")[-10:] == [0.03] * 10
    assert s.idle


def test_one_that_is_broken_off_takes_its_memory_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlxtts.engine.synthesis.MANY", 1)
    s, _ = synthesis()
    s.add(request("1", "abcd"))
    s.step()
    s.step()
    assert s._under_way
    there = weakref.ref(s)
    gc.disable()
    try:
        del s
        assert not there()
    finally:
        gc.enable()


@pytest.mark.parametrize("many", [None, 1])
def test_the_starter_sounds_as_through_a_pipeline(
    monkeypatch: pytest.MonkeyPatch, many: int | None
) -> None:
    monkeypatch.setattr("mlxtts.engine.synthesis.MANY", many)
    speaker = Speaker("starter")
    texts = ["One. And then two.", "Three?", "No, four."]
    requests = [
        speaker.request(Utterance(str(n), text, None, n / 10)) for n, text in enumerate(texts)
    ]
    together = speaker.synthesis(3)
    assert together.rate == 24_000
    for r in requests:
        together.add(r)
    events = [*together.run()]
    header = speaker.header(None, 0)
    alone, codec = speaker.load(), together._codec
    for r in requests:
        alone.add(r)
        frames = Decoding(lambda *_: codec, Options()).run([header, *alone.run()])
        expected = np.frombuffer(b"".join(frame.payload for frame in frames), "<f4")
        data = b"".join(e.data for e in events if isinstance(e, Sound) and e.id == r.id)
        found = np.frombuffer(data, "<f4")
        assert len(found) == len(expected) > 10_000
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_name_is_what_the_sound_is_drawn_by() -> None:
    speaker = Speaker("starter")
    request = speaker.request(Utterance("1", "Oh."), sampling=speaker.sampling(temperature=1.0))
    synthesis = speaker.synthesis(4)
    for again in (
        request,
        replace(request, id="2", name="1"),
        replace(request, id="3", name="3"),
        replace(request, id="4"),
    ):
        synthesis.add(again)
    events = [*synthesis.run()]
    first, same, other, also = (heard(events, name) for name in "1234")
    assert first == pytest.approx(same, abs=1e-3)
    assert first != other != also
