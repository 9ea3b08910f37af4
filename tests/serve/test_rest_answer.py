"""An answer over HTTP, whatever the model and the client do meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mlxtts.engine import Sound
from mlxtts.errors import UsageError
from mlxtts.serve import rest
from mlxtts.serve.protocol import ProtocolError
from mlxtts.serve.runner import Failed
from mlxtts.serve.transport import ABORT
from mlxtts.wire.tokens import End
from tests.serve.fakes import SECOND, speech


class Client:
    """What it was sent, and whether its connection was broken off. `stalls`: it reads nothing."""

    def __init__(self, stalls: bool = False) -> None:
        self.sent: list[dict[str, Any]] = []
        self.gone = asyncio.Event()
        self.broken_off = False
        self._stalls = stalls
        self.scope = {"type": "http", "state": {ABORT: self._abort}}

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        if self._stalls and message["type"] == "http.response.body":
            await asyncio.sleep(9)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def whole(self) -> bool:
        return not self.sent[-1].get("more_body", False)

    def _abort(self) -> None:
        self.broken_off = True
        self.gone.set()


Play = Callable[[Any, Client], Awaitable[None]]


def answered(play: Play, body: bytes = b'{"input":"One. Two."}', stalls: bool = False) -> Client:
    """What a client sees while `play` makes things happen to the service and to it."""

    async def run() -> Client:
        s, client = speech(), Client(stalls)
        answer = rest.Answer(s, rest.parse(body))
        answering = asyncio.create_task(answer(client.scope, client.receive, client.send))
        await asyncio.sleep(0.01)
        await play(s, client)
        await asyncio.wait_for(answering, 5)
        assert not s.connections
        assert s.runner.tickets == []  # type: ignore[attr-defined]
        assert len(asyncio.all_tasks()) == 1
        return client

    return asyncio.run(run())


async def tell(s: Any, *what: Any) -> None:
    s.runner.tell(*what)
    await asyncio.sleep(0.01)


def test_to_its_end() -> None:
    async def play(s: Any, client: Client) -> None:
        for _ in range(2):
            await tell(s, Sound, SECOND)
            assert not client.whole
            await tell(s, End, "stop")

    client = answered(play, b'{"input":"One. Two.","response_format":"pcm"}')
    assert client.sent[0]["status"] == 200
    assert len(client.body) == 2 * 24_000 * 2
    assert client.whole
    assert not client.broken_off


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (lambda s: s.runner.tell(Failed, UsageError("no")), 400),
        (lambda s: s._died(RuntimeError("broken")), 500),
        (lambda s: [c.leave() for c in [*s.connections]], 503),
    ],
)
def test_what_fails_is_told_until_there_is_sound(
    failure: Callable[[Any], object], status: int
) -> None:
    async def at_once(s: Any, client: Client) -> None:
        s._failure = asyncio.get_running_loop().create_future()
        failure(s)

    async def later(s: Any, client: Client) -> None:
        await tell(s, Sound, SECOND)
        await at_once(s, client)

    client = answered(at_once)
    assert client.sent[0]["status"] == status
    assert client.whole
    assert not client.broken_off
    client = answered(later)
    assert client.sent[0]["status"] == 200
    assert not client.whole
    assert client.broken_off


def test_who_reads_nothing_for_long_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "STALLED", 0.05)

    async def play(s: Any, client: Client) -> None:
        await tell(s, Sound, SECOND)

    assert answered(play, stalls=True).broken_off


def test_who_goes_away() -> None:
    async def play(s: Any, client: Client) -> None:
        await tell(s, Sound, SECOND)
        client.gone.set()

    assert not answered(play).whole


def test_an_end_of_the_server() -> None:
    async def play(s: Any, client: Client) -> None:
        for connection in [*s.connections]:
            connection.leave_when_done()
            assert connection.state == "speaking"
        await tell(s, Sound, SECOND)
        for connection in [*s.connections]:
            connection.abort()

    assert answered(play).broken_off


def test_when_there_is_no_room() -> None:
    s = speech()
    s.runner.full, s.runner.waiting = True, 2  # type: ignore[attr-defined]
    with pytest.raises(ProtocolError, match="all rows are in use") as caught:
        rest.Answer(s, rest.parse(b'{"input":"a"}'))
    answer = rest.refusal(caught.value)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")


def test_what_nobody_expects_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> bytes:
        raise RuntimeError("broken")

    async def play(s: Any, client: Client) -> None:
        await tell(s, Sound, SECOND)

    monkeypatch.setattr(rest.Live, "push", broken)
    with pytest.raises(RuntimeError, match="broken"):
        answered(play)
