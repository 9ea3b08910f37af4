"""Messages: what is understood, what is refused and how."""

import base64
import json
import struct
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlxtts.errors import UsageError
from mlxtts.nn.sampling import Sampling
from mlxtts.serve import protocol
from mlxtts.serve.protocol import End, ProtocolError, Start, Status, Stop, Text

SEED_START = {
    "type": "start_orpheus_stream",
    "text": "Hello.",
    "voice": "tara",
    "model_path": "starter",
    "speed": 1.5,
    "temperature": 0.6,
    "top_p": 0.8,
    "chunk_tokens": 28,
    "max_tokens": 1200,
    "repetition_penalty": 1.3,
    "ultra_low_latency": True,
    "output_chunk_duration_ms": 20,
    "respect_source_boundaries": True,
    "crossfade_ms": 0,
    "seed": 7,
    "format": "base64",
}


def refusal(message: Any) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        protocol.parse(message if isinstance(message, (str, bytes)) else json.dumps(message))
    return caught.value


@pytest.mark.parametrize("kind", ["start", "start_orpheus_stream"])
def test_a_start_with_everything(kind: str) -> None:
    start = protocol.parse(json.dumps(SEED_START | {"type": kind, "unknown": [1]}))
    assert isinstance(start, Start)
    said = {name: value for name, value in asdict(start).items() if name in SEED_START}
    assert said == {name: value for name, value in SEED_START.items() if name != "type"}
    assert (start.top_k, start.min_p) == (None, None)


def test_null_is_as_if_it_were_not_there() -> None:
    nothing = {name: None for name in SEED_START if name != "type"}
    assert protocol.parse(json.dumps(nothing | {"type": "start"})) == Start()


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        ({"type": "text", "text": "a"}, Text("a")),
        ({"type": "text", "text": ""}, Text("")),
        ({"type": "end"}, End()),
        ({"type": "stop_stream"}, Stop()),
        ({"type": "get_status"}, Status()),
    ],
)
def test_the_others(message: dict[str, str], meaning: object) -> None:
    assert protocol.parse(json.dumps(message)) == meaning


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("", "json"),
        ("{", "json"),
        ("[" * 100_000, "json"),
        ("[]", "json"),
        ("7", "json"),
        (b"PCM0", "json"),
        ({}, "type"),
        ({"type": 7}, "type"),
        ({"type": ["start"]}, "type"),
        ({"type": "begin"}, "type"),
        ({"type": "text"}, "option"),
        ({"type": "text", "text": 7}, "option"),
        ({"type": "text", "text": "a\0"}, "option"),
        ('{"type":"text","text":"\\ud800"}', "option"),
    ],
)
def test_what_is_no_message(message: Any, code: str) -> None:
    assert refusal(message).code == code


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", 7),
        ("voice", []),
        ("model_path", False),
        ("format", "mp3"),
        ("speed", 0.49),
        ("speed", 2.01),
        ("speed", "fast"),
        ("speed", True),
        ("speed", float("nan")),
        ("temperature", "hot"),
        ("temperature", True),
        ("temperature", -0.1),
        ("temperature", 101),
        ("temperature", float("nan")),
        ("temperature", 10**400),
        ("top_p", 0),
        ("top_p", 1.1),
        ("top_k", 1.5),
        ("max_tokens", 0),
        ("seed", 1 << 63),
        ("seed", 1e300),
        ("chunk_tokens", 0),
        ("output_chunk_duration_ms", float("inf")),
        ("ultra_low_latency", 1),
        ("crossfade_ms", -1),
    ],
)
def test_a_wrong_option_is_named(name: str, value: Any) -> None:
    error = refusal({"type": "start", name: value})
    assert (error.code, error.more) == ("option", {"option": name})
    assert json.loads(protocol.error(error))["message"].startswith(f"{name}: ")


def test_whole_numbers_may_be_written_as_others() -> None:
    assert protocol.parse('{"type":"start","seed":7.0}') == Start(seed=7)


@pytest.mark.parametrize("name", ["temperature", "top_k", "top_p", "min_p", "repetition_penalty"])
def test_the_limits_are_those_of_sampling(name: str) -> None:
    kind, least, most = protocol.NUMBERS[name]
    step = 0.01 if kind is float else 1
    for fine in (max(least, step), min(most, 1 << 31)):
        Sampling(**{name: kind(fine)})
    with pytest.raises(UsageError):
        Sampling(**{name: kind(least - step)})
    if name != "top_k":
        with pytest.raises(UsageError):
            Sampling(**{name: kind(most + step)})


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)


def code_of(data: str | bytes) -> str | None:
    """Of the refusal, None for a message."""
    try:
        message = protocol.parse(data)
    except ProtocolError as error:
        return str(json.loads(protocol.error(error))["code"])
    return None if isinstance(message, Start | Text | End | Stop | Status) else "?"


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.dictionaries(st.sampled_from([*SEED_START, "top_k", "min_p"]), values),
    st.sampled_from([*protocol.STARTS, "text", "end", "stop_stream", "get_status", "?", None]),
)
def test_any_object_is_a_message_or_refused(keys: dict[str, Any], kind: str | None) -> None:
    code = code_of(json.dumps(keys | ({"type": kind} if kind else {})))
    assert code in (None, "json", "type", "option")


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.text() | st.binary())
def test_any_data_are_a_message_or_refused(data: str | bytes) -> None:
    assert code_of(data) in (None, "json", "type", "option")


def test_sound_in_base64() -> None:
    samples = struct.pack("<2f", 0.5, -0.25)
    chunk = json.loads(protocol.audio_chunk("a", 3, 24_000, samples))
    assert base64.b64decode(chunk.pop("data")) == samples
    assert chunk == {
        "type": "audio_chunk",
        "session_id": "a",
        "index": 3,
        "sample_rate": 24_000,
        "channels": 1,
        "num_samples": 2,
    }
