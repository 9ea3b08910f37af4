"""A connection: any messages, in any order, whatever the model does meanwhile."""

import asyncio
import json
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlxtts.engine import Sound
from mlxtts.errors import UsageError
from mlxtts.serve.runner import Failed
from mlxtts.serve.speech import Speech
from mlxtts.serve.transport import ABORT
from mlxtts.serve.ws import UNREAD, Connection
from mlxtts.wire.tokens import End
from tests.serve.fakes import Socket, speech

texts = st.sampled_from(
    ["One. Two.", "Go on, ", "and on.\n", "---", "", "x" * 90, "3 < 4\u2028<laugh>"]
)
starts = st.fixed_dictionaries(
    {"type": st.sampled_from(["start", "start_orpheus_stream"])},
    optional={
        "text": texts,
        "format": st.sampled_from(["pcm0", "base64"]),
        "voice": st.sampled_from(["slt", "rms", "nobody"]),
        "seed": st.integers(0, 9),
        "crossfade_ms": st.sampled_from([0, 20]),
        "max_tokens": st.sampled_from([1, 70]),
    },
)
others = st.sampled_from(
    [{"type": "end"}, {"type": "stop_stream"}, {"type": "get_status"}, {"type": "?"}, {}]
)
pieces = texts.map(lambda text: {"type": "text", "text": text})
messages = st.one_of(
    st.none(),
    (starts | pieces | others).map(json.dumps),
    st.text(max_size=5),
    st.binary(max_size=5),
)
happenings = st.lists(st.sampled_from(["sound", "stop", "length", "failed"]), min_size=1)
EVENTS = {
    "sound": (Sound, b"\0" * 96_000),
    "stop": (End, "stop"),
    "length": (End, "length"),
    "failed": (Failed, UsageError("no")),
}


async def converse(said: list[Any], done: list[Any]) -> tuple[list[Any], Speech]:
    """What a connection answers to these messages while these things happen."""
    s = speech()
    socket, runner = Socket(said), s.runner
    connection = Connection(socket, s)  # type: ignore[arg-type]
    running = asyncio.create_task(connection.run())
    for event in done * 3:
        if runner.tickets:  # type: ignore[attr-defined]
            runner.tell(*EVENTS[event])  # type: ignore[attr-defined]
        await asyncio.sleep(0)
    await running
    assert runner.tickets == []  # type: ignore[attr-defined]
    assert len(asyncio.all_tasks()) == 1
    return socket.sent, s


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=200)
@given(st.lists(messages, max_size=20), happenings)
def test_any_messages(said: list[Any], done: list[Any]) -> None:
    sent, s = asyncio.run(converse(said, done))
    told = [json.loads(data) for data in sent if isinstance(data, str)]
    assert {message["type"] for message in told} <= {
        *("stream_started", "stream_complete", "stream_stopped"),
        *("status", "error", "audio_chunk"),
    }
    begun = [m["session_id"] for m in told if m["type"] == "stream_started"]
    ended = Counter(
        m["session_id"]
        for m in told
        if m["type"] in ("stream_complete", "stream_stopped")
        or ("session_id" in m and m["type"] == "error")
    )
    assert len(set(begun)) == len(begun)
    assert set(ended) <= set(begun)
    assert set(ended.values()) <= {1}
    assert set(begun[:-1]) <= set(ended)  # the last may be running when the client goes
    count = s.metrics.registry.get_sample_value
    assert count("mlxtts_streams_started_total") >= len(begun)  # type: ignore[operator]


def test_who_reads_nothing_does_not_fill_the_memory() -> None:
    async def scene() -> int:
        aborted = []
        socket = Socket(["{}"] * 1000)
        socket.scope = {"state": {ABORT: lambda: aborted.append(1)}}
        never = asyncio.Event()

        async def deaf(_: str) -> None:
            await never.wait()

        socket.send_text = deaf  # type: ignore[method-assign]
        connection = Connection(socket, speech())  # type: ignore[arg-type]
        await connection.run()
        assert aborted == [1]
        return len(connection._outbox)

    assert asyncio.run(scene()) == UNREAD
