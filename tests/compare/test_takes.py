import itertools
import time

import numpy as np
import pytest

from mlxtts import load_model
from mlxtts.api.speech import Speech
from mlxtts.codecs.utterance import Options
from mlxtts.compare.comparison import compare, read
from mlxtts.compare.takes import ALL, METHODS, Take, plan, record
from mlxtts.errors import TextError, UsageError, VoiceError

TEXT = "Hello there. Go on."


@pytest.fixture(scope="module")
def speech() -> Speech:
    return load_model("starter")


def test_methods_are_what_they_say(speech: Speech, monkeypatch: pytest.MonkeyPatch) -> None:
    """Normal and exact streaming are the same sound, by a callback too; a crossfade only touches
    what follows a seam, and an early first chunk only its end."""
    results = compare(
        {method: Take(method=method) for method in METHODS}, TEXT, lambda _: speech, str
    )
    found = {result.name: result for result in results}
    normal = found["normal"].recording
    assert normal.take.options(7) == Options(chunk_tokens=7 * ALL)
    for name in ("streaming", "callback"):
        same = found[name].difference
        assert same
        assert not same.longer
        assert same.largest <= 1e-6
        assert len(found[name].recording.seams) > len(normal.seams)
    assert found["streaming"].recording.seams == found["callback"].recording.seams
    processed = found["processed"].recording
    changed = np.flatnonzero(processed.sound != found["streaming"].recording.sound)
    seams = np.array(processed.seams)
    assert len(changed)
    assert all(0 <= (place - seams[seams <= place]).min() < 240 for place in changed)
    early = found["early"].difference
    assert early
    assert early.largest > 1e-3
    assert found["early"].recording.seams[1] > found["streaming"].recording.seams[1]


def test_what_came_when(speech: Speech) -> None:
    begin = time.perf_counter()
    recording = record(Take(method="streaming", chunk_tokens=7), speech, TEXT)
    elapsed = time.perf_counter() - begin
    assert recording.times == sorted(recording.times)
    assert 0 < recording.times[0] < recording.times[-1] <= elapsed
    assert recording.seams[0] == 0
    assert len(recording.seams) == len(recording.times) == recording.meter.frames
    assert all(a < b for a, b in itertools.pairwise(recording.seams))
    assert recording.seconds == pytest.approx(recording.meter.sound)
    assert recording.meter.first == recording.times[0]


@pytest.mark.filterwarnings("ignore:cut short")
def test_settings_reach_the_model(speech: Speech) -> None:
    sounds = [
        record(take, speech, "Yes.").sound.tobytes()
        for take in (
            Take(),
            Take(),
            Take(seed=1),
            Take(voice="rms"),
            Take(temperature=0.0),
            Take(max_tokens=14),
            Take(method="callback", voice="rms"),
            Take(method="callback", max_tokens=14),
        )
    ]
    assert sounds[0] == sounds[1]
    assert len(set(sounds[1:6])) == 5
    assert np.allclose(*(np.frombuffer(sounds[n], "<f4") for n in (3, 6)), atol=1e-6)
    assert np.allclose(*(np.frombuffer(sounds[n], "<f4") for n in (5, 7)), atol=1e-6)


def test_a_plan() -> None:
    base = Take(seed=4)
    assert list(plan(["starter"], [], [], base)) == list(METHODS)
    takes = plan(["a", "b"], [], ["seed=5", "lookahead=0", "crossfade-ms=3"], base)
    assert takes == {
        "normal, a": Take("a", seed=4),
        "normal, b": Take("b", seed=4),
        "seed=5": Take("a", seed=5),
        "lookahead=0": Take("a", "streaming", seed=4, lookahead=0),
        "crossfade-ms=3": Take("a", "processed", seed=4, crossfade_ms=3),
    }
    both = plan(["a", "b"], ["early", "normal"], [], base)
    assert list(both) == ["early, a", "normal, a", "early, b", "normal, b"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ("", "'': must be NAME=VALUE"),
        ("louder=1", "'louder=1': must be NAME=VALUE, with one of model, method"),
        ("seed", "'seed': must be NAME=VALUE"),
        ("seed=x", "'seed=x': not a number"),
        ("seed=1,top_p=much", "'top_p=much': not a number"),
        ("method=loud", "method 'loud': must be normal, streaming"),
        ("method=early,lookahead=1", "lookahead 1: method early has its own"),
    ],
)
def test_changes_that_there_are_not(changes: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        Take().but(changes)


def test_bad_takes(speech: Speech) -> None:
    for take, error in (
        (Take(voice="nobody"), VoiceError),
        (Take(method="callback", voice="nobody"), VoiceError),
        (Take(method="streaming", chunk_tokens=10), UsageError),
        (Take(method="processed", crossfade_ms=5000), UsageError),
        (Take(temperature=-1), UsageError),
    ):
        with pytest.raises(error):
            record(take, speech, TEXT)
    with pytest.raises(TextError):
        record(Take(), speech, "...")


@pytest.mark.parametrize("data", [b"", b" \n", b"\xff\xfe"])
def test_no_text(data: bytes) -> None:
    with pytest.raises(TextError):
        read([data])


def test_a_byte_order_mark_is_no_text() -> None:
    assert read([b"\xef\xbb", b"\xbfHello\n"]) == "Hello"
