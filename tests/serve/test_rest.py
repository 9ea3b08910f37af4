"""Speech over HTTP, of a running mlxtts-ws, seen by real clients."""

import asyncio
import http.client
import io
import json
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import soundfile
from starlette.requests import Request

from mlxtts.serve import rest
from mlxtts.serve.protocol import ProtocolError
from tests.conftest import Run, needs
from tests.serve.servers import (
    LONG,
    SHORT,
    Server,
    eventually,
    running,
    speak,
    start,
    visited,
    write,
)

PATH = "/v1/audio/speech"
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with visited("--max-streams", "4", "--queue", "1", "--max-text", "2000") as server:
        yield server


def connected(server: Server) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(server.http.removeprefix("http://"), timeout=60)


def asked(server: Server, **keys: Any) -> http.client.HTTPResponse:
    """The answer, of which the head has come."""
    connection = connected(server)
    connection.request("POST", PATH, json.dumps({"input": SHORT, **keys}), JSON)
    return connection.getresponse()


def post(server: Server, **keys: Any) -> tuple[int, bytes]:
    answer = asked(server, **keys)
    return answer.status, answer.read()


def heard(server: Server, **keys: Any) -> np.ndarray:
    """The samples of 16 bits."""
    status, data = post(server, response_format="pcm", **keys)
    assert status == 200, data
    return np.frombuffer(data, "<i2")


def test_it_is_what_a_websocket_says(server: Server) -> None:
    options = {"voice": "rms", "seed": 7}
    with server.client() as ws:
        sound = np.frombuffer(speak(ws, "One. And two.", **options), "<f4")
    found = heard(server, input="One. And two.", **options, model="starter", speed=1)
    assert np.abs(found / 32768 - sound).max() < 1 / 32768
    again = heard(server, input="One. And two.", voice={"id": "rms"}, seed=7, instructions="")
    assert np.array_equal(found, again)
    assert not np.array_equal(found[:9000], heard(server, input="One. And two.", seed=8)[:9000])


@pytest.mark.parametrize(
    ("format", "media", "kind"),
    [
        (None, "audio/mpeg", "MP3"),
        ("mp3", "audio/mpeg", "MP3"),
        ("wav", "audio/wav", "WAV"),
        ("flac", "audio/flac", "FLAC"),
        ("opus", "audio/ogg", "OGG"),
    ],
)
@needs("ffmpeg")
def test_formats(server: Server, run: Run, format: str | None, media: str, kind: str) -> None:
    answer = asked(server, response_format=format)
    assert (answer.status, answer.headers["content-type"]) == (200, media)
    data = answer.read()
    told = run("ffmpeg -v error -i - -f s16le -ac 1 -ar 24000 -", stdin=data)
    assert (told.returncode, told.stderr) == (0, b"")
    assert len(told.stdout) // 2 == pytest.approx(len(heard(server)), abs=2000)
    if kind != "MP3":
        assert soundfile.info(io.BytesIO(data)).format == kind


def test_it_comes_while_it_is_made(server: Server) -> None:
    begun = time.monotonic()
    answer = asked(server, input=LONG[:300], response_format="pcm")
    first = answer.read(1000)
    first_after = time.monotonic() - begun
    rest_of_it = answer.read()
    whole_after = time.monotonic() - begun
    assert len(first) == 1000
    assert len(rest_of_it) > 200_000
    assert first_after < whole_after / 3


def test_many_at_once_are_as_each_alone(server: Server) -> None:
    voices = ["slt", "rms", "awb", "kal16"]
    alone = [heard(server, voice=voice) for voice in voices]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda voice: heard(server, voice=voice), voices))
    for a, b in zip(alone, together, strict=True):
        assert np.abs(a.astype(int) - b).max() <= 1  # numbers of rows are multiplied differently


def test_a_connection_is_used_again(server: Server) -> None:
    connection = connected(server)
    for _ in range(3):
        connection.request("POST", PATH, json.dumps({"input": SHORT}), JSON)
        answer = connection.getresponse()
        assert (answer.status, len(answer.read()) > 1000) == (200, True)


def test_speed(server: Server) -> None:
    usual, fast, slow = (heard(server, speed=speed).size for speed in (None, 2, 0.5))
    assert (fast / usual, slow / usual) == pytest.approx((0.5, 2), abs=0.01)


def test_what_there_is(server: Server) -> None:
    [model] = json.loads(server.get("/v1/models")[1])["data"]
    assert json.loads(server.get("/v1/models/starter")[1]) == model
    for path in ("/v1/models/tts-1", "/v1/nowhere", "/v1"):
        status, body = server.get(path)
        assert (status, bool(json.loads(body)["error"]["message"])) == (404, True)
    assert model["id"] == "starter"
    voices = json.loads(server.get("/v1/audio/voices")[1])["voices"]
    assert [voice["id"] for voice in voices] == ["slt", "rms", "awb", "kal16"]


@pytest.mark.parametrize(
    ("keys", "status", "code", "param", "message"),
    [
        ({"input": None}, 400, "option", "input", "input: must be a string"),
        ({"input": 3}, 400, "option", "input", "input: must be a string"),
        ({"input": "a\0"}, 400, "option", "input", "input: holds a NUL or half a surrogate pair"),
        ({"input": ""}, 400, "text", "input", "nothing to speak"),
        ({"input": "... ?!"}, 400, "text", "input", "nothing to speak"),
        ({"input": "[pause:x]"}, 400, "text", "input", "'[pause:x]' is not a pause: its time must"),
        ({"input": "x" * 2001}, 413, "too_long", "input", "more than 2000 characters"),
        ({"input": "x" * 40_000}, 413, "too_long", "input", "more than 28096 bytes"),
        ({"model": "tts-1"}, 404, "model", "model", "this server speaks with starter"),
        ({"model": 1}, 400, "option", "model", "model: must be a string"),
        ({"voice": "alloy"}, 400, "voice", "voice", "voice 'alloy': unknown; the voices are slt,"),
        ({"voice": {"id": 4}}, 400, "option", "voice", "voice: must be a string"),
        ({"speed": 4}, 400, "option", "speed", "speed: must be 0.5 to 2"),
        ({"speed": "1"}, 400, "option", "speed", "speed: must be a number"),
        ({"response_format": "aac"}, 400, "option", "response_format", "response_format: must be"),
        ({"response_format": []}, 400, "option", "response_format", "response_format: must be"),
        ({"stream_format": "sse"}, 400, "option", "stream_format", "stream_format: must be audio"),
        ({"instructions": "Sadly."}, 400, "option", "instructions", "instructions: no model here"),
        ({"temperature": -1}, 400, "option", "temperature", "temperature: must be 0 to 100"),
    ],
)
def test_what_is_wrong(
    server: Server, keys: dict[str, Any], status: int, code: str, param: str | None, message: str
) -> None:
    found, data = post(server, **keys)
    error = json.loads(data)["error"]
    assert (found, error["code"], error["param"]) == (status, code, param)
    assert error["type"] == "invalid_request_error"
    assert error["message"].startswith(message)


@pytest.mark.parametrize(
    ("method", "body", "headers", "status"),
    [
        ("POST", b"[", JSON, 400),
        ("POST", b"[]", JSON, 400),
        ("POST", b"\xff", JSON, 400),
        ("POST", b"", JSON, 400),
        ("POST", b"{}", {"content-type": "Application/JSON; charset=utf-8"}, 400),
        ("POST", b'{"input":"a"}', {"content-type": "text/plain"}, 415),
        ("POST", b'{"input":"a"}', {}, 415),
        ("GET", None, {}, 404),
    ],
)
def test_what_is_no_request(
    server: Server, method: str, body: bytes | None, headers: dict[str, str], status: int
) -> None:
    connection = connected(server)
    connection.request(method, PATH, body, headers)
    assert connection.getresponse().status == status


def test_who_goes_away_makes_room(server: Server) -> None:
    before = server.metric("streams_cancelled_total")
    answers = [asked(server, input=LONG[:1500]) for _ in range(4)]
    assert server.metric("rows_busy") == 4
    for answer in answers:
        answer.close()
    eventually(lambda: server.metric("rows_busy") == 0)
    assert server.metric("streams_cancelled_total") == before + 4


def test_who_reads_slowly_has_no_row() -> None:
    with running("--max-streams", "1", "--queue", "1") as server:
        connection = connected(server)
        connection.sock = socket.socket()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sock.connect((connection.host, connection.port))
        body = json.dumps({"input": LONG[:600], "response_format": "wav"})
        connection.request("POST", PATH, body, JSON)
        answer = connection.getresponse()
        made = [0.0]

        def at_rest() -> bool:
            time.sleep(0.5)
            made.append(server.metric("sound_seconds_total"))
            return made[-1] == made[-2] > 0 == server.metric("rows_busy")

        eventually(at_rest)
        assert server.metric("streams_running") == 1
        assert heard(server).size > 1000
        assert len(answer.read()) / 48_000 > 2 * made[-1]
        assert server.metric("streams_completed_total") == 2


def test_when_all_rows_are_taken() -> None:
    with running("--max-streams", "1", "--queue", "1") as server:
        with server.client() as ws, ThreadPoolExecutor() as pool:
            start(ws, LONG)
            eventually(lambda: server.metric("rows_busy") == 1)
            waiting = pool.submit(post, server)
            eventually(lambda: server.metric("streams_waiting") == 1)
            answer = asked(server)
            assert answer.status == 503
            assert int(answer.headers["retry-after"]) >= 1
            assert json.loads(answer.read())["error"]["type"] == "server_error"
            ws.close()
            assert waiting.result()[0] == 200
        assert server.end() == 0


def test_more_connections_than_there_may_be() -> None:
    with running("--max-connections", "1") as server, server.client():
        assert post(server)[0] == 503


def test_the_end_waits_for_what_has_begun() -> None:
    with running() as server:
        answer = asked(server, input=LONG[:150], response_format="pcm")
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: server.get("/healthz")[0] == 503)
        assert post(server)[0] == 503
        assert len(answer.read()) > 100_000
        assert server.process.wait(60) == 0


def test_the_end_does_not_wait_for_ever() -> None:
    """What is broken off does not look whole."""
    with running("--grace", "0.5") as server:
        answer = asked(server, input=LONG)
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            answer.read()
        assert server.process.wait(60) == 0


def test_a_token(server: Server, tmp_path: Any) -> None:
    with running("--token-file", write(tmp_path / "token", "secret\n")) as server:
        status, data = post(server)
        assert (status, json.loads(data)["error"]["message"]) == (401, "a token is needed")
        assert server.get("/v1/models")[0] == 401
        connection = connected(server)
        bearer = JSON | {"authorization": "Bearer secret"}
        connection.request("POST", PATH, json.dumps({"input": SHORT}), bearer)
        assert connection.getresponse().status == 200


def test_pages_of_others(server: Server) -> None:
    def preflight(server: Server) -> str | None:
        connection = connected(server)
        asking = {"access-control-request-method": "POST", "origin": "https://example.org"}
        connection.request(
            "OPTIONS", PATH, headers=asking | {"access-control-request-headers": "x-stainless-os"}
        )
        return connection.getresponse().headers["access-control-allow-origin"]

    assert preflight(server) is None
    with running("--allow-origin", "https://example.org/", "--no-preload") as allowing:
        assert preflight(allowing) == "https://example.org"


def test_a_request_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "PATIENCE", 0.01)
    headers = [(b"content-type", b"application/json; charset=utf-8")]
    scope = {"type": "http", "method": "POST", "path": PATH, "headers": headers}

    async def waiting() -> Any:
        await asyncio.sleep(9)

    async def leaving() -> Any:
        return {"type": "http.disconnect"}

    for receive in (waiting, leaving):
        with pytest.raises(ProtocolError, match="did not come to its end"):
            asyncio.run(rest._body(Request(scope, receive), 9))


def test_half_a_request_holds_nothing(server: Server) -> None:
    host, _, port = server.address.removeprefix("ws://").rpartition(":")
    with socket.create_connection((host, int(port))) as half:
        half.sendall(b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n")
        half.sendall(b"Content-Type: application/json\r\n\r\n{")
        assert heard(server).size > 1000
        assert server.metric("connections") == 0
