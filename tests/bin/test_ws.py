"""A running mlxtts-ws, seen by real clients."""

import base64
import json
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.sync.client import connect, unix_connect

from mlxtts.audio.smooth import Smooth
from mlxtts.wire import pcm0
from tests.conftest import Run, environment, error_of, needs, needs_node, node_path
from tests.serve.servers import (
    LONG,
    SHORT,
    Server,
    eventually,
    listen,
    receive,
    running,
    send,
    speak,
    start,
    visited,
    write,
)

VOICES = ["slt", "rms", "awb", "kal16"]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with visited("--max-streams", "4", "--queue", "2", "--max-text", "2000") as server:
        yield server


def pipeline(run: Run, line: str) -> np.ndarray:
    done = run("mlxtts-tokens | mlxtts-decode", stdin=line.encode())
    frames = pcm0.Reader().read([done.stdout])
    return samples(b"".join(frame.payload for frame in frames))


def samples(sound: bytes) -> np.ndarray:
    return np.frombuffer(sound, "<f4")


def test_a_stream_of_the_seed_protocol(server: Server) -> None:
    with server.client() as ws:
        asked: dict[str, Any] = {
            "voice": "rms",
            "model_path": "starter",
            "temperature": 0.4,
            "top_p": 0.8,
            "chunk_tokens": 14,
            "max_tokens": 700,
            "repetition_penalty": 1.1,
            "ultra_low_latency": True,
            "output_chunk_duration_ms": 20,
            "respect_source_boundaries": True,
            "crossfade_ms": 0,
            "seed": 9,
        }
        send(ws, type="start_orpheus_stream", text=SHORT, **asked)
        told = receive(ws, "stream_started")
        assert asked.items() <= told.items()
        assert (told["sample_rate"], told["format"]) == (24_000, "pcm0")
        sound, complete = listen(ws)
        assert complete["session_id"] == told["session_id"]
        assert complete["samples"] == len(sound) // 4
        assert complete["seconds"] == pytest.approx(len(sound) / 96_000)
        assert complete["chunks"] >= len(sound) / 96_000 / 0.02
        assert not complete["truncated"]
        assert 0 < complete["time_to_first_audio"] < 60
        assert np.abs(samples(sound)).max() > 0.05


def test_a_sentence_sounds_as_through_the_pipeline(server: Server, run: Run) -> None:
    """There with the id 0, which is what the first piece of a stream is drawn by."""
    with server.client() as ws:
        sound = speak(ws, "It costs $3.")
    expected = pipeline(run, '{"id":"0","text":"It costs $3."}')
    assert len(expected) > 10_000
    np.testing.assert_allclose(samples(sound), expected, atol=1e-4)


def test_the_same_start_gives_the_same_sound_whatever_else_goes_on(server: Server) -> None:
    text = "One. And two."
    with server.client() as ws:
        alone = samples(speak(ws, text, seed=5))
        other = samples(speak(ws, text, seed=6))

    def again(_: int) -> np.ndarray:
        with server.client() as ws:
            return samples(speak(ws, text, seed=5))

    with ThreadPoolExecutor(4) as pool:
        for sound in pool.map(again, range(4)):
            np.testing.assert_allclose(sound, alone, atol=1e-4)
    assert len(other) != len(alone) or np.abs(other - alone).max() > 0.01


def test_the_older_form_is_the_same_sound(server: Server) -> None:
    with server.client() as ws:
        binary = speak(ws)
        start(ws, format="base64")
        session = receive(ws, "stream_started")["session_id"]
        chunks = []
        while (message := json.loads(ws.recv(60)))["type"] == "audio_chunk":
            chunks.append(message)
        assert message["type"] == "stream_complete"
    assert [chunk["index"] for chunk in chunks] == list(range(len(chunks)))
    assert {chunk["session_id"] for chunk in chunks} == {session}
    data = b"".join(base64.b64decode(chunk["data"]) for chunk in chunks)
    np.testing.assert_allclose(samples(data), samples(binary), atol=1e-4)


def test_crossfades_are_those_of_the_filter(server: Server) -> None:
    with server.client() as ws:
        plain = samples(speak(ws, output_chunk_duration_ms=50))
        faded = samples(speak(ws, output_chunk_duration_ms=50, crossfade_ms=10))
    smooth = Smooth(10)
    smooth.start(24_000, 1)
    frames = [plain[at : at + 1200, None] for at in range(0, len(plain), 1200)]
    expected = np.concatenate([smooth.push(frame) for frame in frames])[:, 0]
    np.testing.assert_allclose(faded, expected, atol=1e-4)
    assert np.abs(plain - faded).max() > 0.01


def test_text_is_spoken_while_it_is_written(server: Server) -> None:
    with server.client() as ws:
        start(ws, None)
        receive(ws, "stream_started")
        for piece in ("Go", "od mor", "ning. I", "t is"):
            send(ws, type="text", text=piece)
        first = ws.recv(60)
        assert first[:4] == b"PCM0"
        send(ws, type="text", text=" late, is it")
        time.sleep(0.3)
        send(ws, type="text", text=" not?")
        send(ws, type="end")
        sound, told = listen(ws)
        pieces = samples(first[16:] + sound)
        assert told["samples"] == len(pieces)
        whole = samples(speak(ws, "Good morning. It is late, is it not?"))
        np.testing.assert_allclose(pieces, whole, atol=1e-4)


def test_one_stream_after_another_and_in_place_of_another(server: Server) -> None:
    with server.client("/ws") as ws:
        speak(ws)
        start(ws, LONG)
        first = receive(ws, "stream_started")["session_id"]
        ws.recv(60)
        start(ws, SHORT)
        _, told = listen(ws, "stream_stopped")
        assert (told["session_id"], told["reason"]) == (first, "replaced")
        assert told["samples"] > 0
        second = receive(ws, "stream_started")["session_id"]
        _, told = listen(ws)
        assert told["session_id"] == second != first
        start(ws, LONG)
        receive(ws, "stream_started")
        send(ws, type="stop_stream")
        _, told = listen(ws, "stream_stopped")
        assert told["reason"] == "stop_stream"
        send(ws, type="stop_stream")
        assert receive(ws, "error")["code"] == "state"
        speak(ws)


def test_status(server: Server) -> None:
    with server.client() as ws:
        send(ws, type="get_status")
        told = receive(ws, "status")
        assert (told["state"], told["model_path"], told["stream"]) == ("ok", "starter", None)
        assert (told["voices"], told["rows"], told["queue"]) == (VOICES, 4, 2)
        assert told["speeds"] is None
        start(ws, None)
        receive(ws, "stream_started")
        send(ws, type="text", text="unfinished")
        send(ws, type="get_status")
        stream = receive(ws, "status")["stream"]
        assert (stream["state"], stream["unspoken"], stream["samples"]) == ("open", 10, 0)


def test_a_cut_is_told(server: Server) -> None:
    with server.client() as ws:
        start(ws, SHORT, max_tokens=14)
        assert receive(ws, "stream_started")["max_tokens"] == 14
        sound, told = listen(ws)
        assert told["truncated"]
        assert len(sound) == 4 * 2 * 2048


def test_tags_that_are_left_out_are_told(server: Server) -> None:
    with server.client() as ws:
        start(ws, "Ha <laugh> ha <laugh> <smirk>.")
        receive(ws, "stream_started")
        assert listen(ws)[1]["left_out"] == ["<laugh>", "<smirk>"]
        start(ws, "Yes.")
        receive(ws, "stream_started")
        assert listen(ws)[1]["left_out"] == []


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"voice": "nobody"}, "voice"),
        ({"voice": ""}, "voice"),
        ({"model_path": "mlx-community/other"}, "model"),
        ({"model_path": "../../etc"}, "model"),
        ({"crossfade_ms": 1001}, "option"),
        ({"chunk_tokens": 50}, "option"),
        ({"max_tokens": 6}, "option"),
        ({"temperature": -1}, "option"),
        ({"speed": 3}, "option"),
        ({"speed": 1}, "option"),  # the starter voice has none
        ({"text": "x" * 2001}, "too_long"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    server: Server, options: dict[str, Any], code: str
) -> None:
    with server.client() as ws:
        start(ws, None)
        receive(ws, "stream_started")
        start(ws, **{"text": SHORT} | options)
        told = receive(ws, "error")
        assert (told["code"], "session_id" in told) == (code, False)
        if code == "voice":
            assert told["voices"] == VOICES
        send(ws, type="text", text=SHORT)
        send(ws, type="end")
        listen(ws)


@pytest.mark.parametrize("text", ["", " \n", "--- * ---", "…"])
@pytest.mark.parametrize("streamed", [False, True])
def test_nothing_to_speak_is_told(server: Server, text: str, streamed: bool) -> None:
    with server.client() as ws:
        start(ws, None if streamed else text)
        session = receive(ws, "stream_started")["session_id"]
        if streamed:
            send(ws, type="text", text=text)
            send(ws, type="end")
        told = receive(ws, "error")
        assert (told["code"], told["session_id"]) == ("text", session)
        speak(ws)


def test_too_much_text_ends_the_stream(server: Server) -> None:
    with server.client() as ws:
        start(ws, None)
        session = receive(ws, "stream_started")["session_id"]
        for _ in range(5):
            send(ws, type="text", text="x" * 500)
        told = receive(ws, "error")
        assert (told["code"], told["session_id"]) == ("too_long", session)
        send(ws, type="end")
        assert receive(ws, "error")["code"] == "state"


@pytest.mark.parametrize(
    ("data", "code"), [("{", "json"), (b"PCM0", "json"), ("{}", "type"), ("[1]", "json")]
)
def test_malformed_messages_are_told(server: Server, data: str | bytes, code: str) -> None:
    with server.client() as ws:
        ws.send(data)
        assert receive(ws, "error")["code"] == code
        speak(ws)


def test_many_messages_at_once_are_answered(server: Server) -> None:
    with server.client() as ws:
        for _ in range(1000):
            ws.send("{}")
        answers = [json.loads(ws.recv(30)) for _ in range(1000)]
        assert {answer["type"] for answer in answers} == {"error"}


def test_a_path_that_is_none(server: Server, run: Run) -> None:
    done = run("mlxtts-recv", f"{server.address}/nowhere", "Hi.")
    assert done.returncode == 3
    assert error_of(done).endswith("no WebSocket server: HTTP status 404")


def test_an_oversized_message_closes_its_connection(server: Server) -> None:
    with server.client() as ws:
        ws.send("x" * 100_000)
        with pytest.raises(ConnectionClosed) as caught:
            ws.recv(60)
        assert caught.value.rcvd
        assert caught.value.rcvd.code == 1009


def test_a_full_server_says_so_at_once(server: Server) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for _ in range(7)]
        for ws in clients[:6]:
            start(ws, LONG, output_chunk_duration_ms=1000)
            receive(ws, "stream_started")
        eventually(lambda: server.metric("streams_waiting") == 2)
        start(clients[6])
        told = receive(clients[6], "error")
        assert told["code"] == "busy"
        assert told["retry_after"] >= 1
        start(clients[6], None)
        assert receive(clients[6], "error")["code"] == "busy"
        send(clients[4], type="get_status")
        assert receive(clients[4], "status")["stream"]["state"] == "waiting"
        clients[0].close()  # one has a row instead, and there is a place in the queue
        eventually(lambda: server.metric("streams_waiting") == 1)
        start(clients[6])
        receive(clients[6], "stream_started")


def test_who_is_refused_another_stream_keeps_its_own() -> None:
    with running("--max-streams", "1", "--queue", "1") as server, ExitStack() as stack:
        first, second, third = (stack.enter_context(server.client()) for _ in range(3))
        start(third, None)
        kept = receive(third, "stream_started")["session_id"]
        for ws in (first, second):
            start(ws, LONG)
            receive(ws, "stream_started")
        start(third)
        told = receive(third, "error")
        assert (told["code"], "session_id" in told) == ("busy", False)
        send(third, type="get_status")
        assert receive(third, "status")["stream"]["session_id"] == kept
        for ws in (first, second):  # these have a row, or wait: they may have other text for that
            start(ws)
            listen(ws, "stream_stopped")
            receive(ws, "stream_started")
        for ws in (second, first):
            listen(ws)


def test_who_vanishes_has_no_row(server: Server) -> None:
    with server.client() as ws:
        start(ws, LONG)
        ws.recv(60)
        ws.recv(60)
        assert server.metric("rows_busy") == 1
        ws.socket.shutdown(socket.SHUT_RDWR)
        eventually(lambda: server.metric("rows_busy") == 0)


def test_a_slow_reader_has_no_row_and_loses_nothing(server: Server) -> None:
    text = "The first sentence is here. " * 70
    raw = socket.create_connection(("127.0.0.1", int(server.address.rpartition(":")[2])))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    with server.client(sock=raw, max_queue=1) as slow:
        start(slow, text)
        receive(slow, "stream_started")
        eventually(lambda: server.metric("sound_seconds_total") > 5, 60)
        eventually(lambda: server.metric("rows_busy") == 0, 60)
        with server.client() as ws:
            speak(ws)
        time.sleep(0.5)
        assert server.metric("rows_busy") == 0
        assert server.metric("streams_running") == 1
        sound = b""
        for _ in range(30):
            sound += slow.recv(60)[16:]
        send(slow, type="stop_stream")
        rest, told = listen(slow, "stream_stopped")
        assert 0 < len(sound + rest) // 4 <= told["samples"] < 60 * 24_000


def test_metrics(server: Server) -> None:
    names = ("started_total", "completed_total", "cancelled_total")
    before = [server.metric(f"streams_{name}") for name in names]
    heard = server.metric("sound_seconds_total")
    first = server.metric("time_to_first_audio_seconds_count")
    with server.client() as ws:
        seconds = len(speak(ws)) / 96_000
        start(ws, LONG)
        ws.send("{")
    eventually(lambda: server.metric("connections") == 0)
    after = [server.metric(f"streams_{name}") for name in names]
    assert [b - a for a, b in zip(before, after, strict=True)] == [2, 1, 1]
    assert server.metric("sound_seconds_total") - heard >= seconds - 0.001
    assert server.metric("time_to_first_audio_seconds_count") - first in (1, 2)
    assert server.metric('errors_total{code="json"}') >= 1
    assert server.metric("rows") == 4
    lines = server.get("/metrics")[1].splitlines()
    kinds = dict(line.split()[2:4] for line in lines if line.startswith("# TYPE"))
    assert all((kind == "counter") == name.endswith("_total") for name, kind in kinds.items())


def test_plain_http(server: Server) -> None:
    assert server.get("/healthz") == (200, '{"status":"ok"}')
    assert server.get("/nowhere")[0] == 404


def refusal(server: Server, path: str = "/", **options: Any) -> int:
    with pytest.raises(InvalidStatus) as caught:
        server.client(path, **options)
    return caught.value.response.status_code


def test_origins(server: Server) -> None:
    host = server.http
    for fine in (host, None):
        with server.client(origin=fine) as ws:
            ws.ping().wait(60)
    for foreign in ("http://example.org", "null", "http://127.0.0.1:1", f"{host}.example.org"):
        assert refusal(server, origin=foreign) == 403


def called(server: Server, name: str, **options: Any) -> Any:
    """A client that has been led to the server by this name."""
    port = int(server.address.rpartition(":")[2])
    return connect(f"ws://{name}:{port}", sock=socket.create_connection(("127.0.0.1", port)))


def test_names_of_the_server(server: Server) -> None:
    with called(server, "localhost") as ws:
        ws.ping().wait(60)
    with pytest.raises(InvalidStatus) as caught, called(server, "example.org"):
        pass
    assert caught.value.response.status_code == 403
    assert b"--allow-host" in caught.value.response.body
    for path in ("/", "/page/app.js", "/metrics", "/healthz", "/nowhere"):
        assert server.get(path, Host="example.org")[0] == 403
    assert server.get("/", Host="localhost")[0] == 200


def test_a_name_that_is_allowed_and_all_interfaces(tmp_path: Path) -> None:
    everywhere = ["--no-preload", "--host", "0.0.0.0"]
    with running(*everywhere, "--allow-host", "a.example.org", "--allow-host", "b") as server:
        for name in ("a.example.org", "b", "10.1.2.3", socket.gethostname()):
            assert server.get("/", Host=name)[0] == 200
            with called(server, name) as ws:
                ws.ping().wait(60)
        assert server.get("/", Host="example.org")[0] == 403
    with running(*everywhere, "--allow-host", "*") as server:
        assert server.get("/", Host="example.org")[0] == 200
    token = write(tmp_path / "token", "secret")
    with running(*everywhere, "--token-file", token) as server:
        assert server.get("/", Host="example.org")[0] == 200
        assert server.get("/metrics?token=secret", Host="example.org")[0] == 200


def test_a_broadcast_has_names_too(run: Run) -> None:
    with running("-", stdin=subprocess.PIPE) as server:
        assert server.get("/stream.wav", Host="example.org")[0] == 403
        port = server.address.rpartition(":")[2]
        resolve = f"--connect-to example.org:80:127.0.0.1:{port}"
        done = run(f"curl -s -o - -w '%{{http_code}}' {resolve} http://example.org/stream.mp3")
        assert done.stdout.endswith(b"403")


def test_a_token_and_allowed_origins(tmp_path: Path) -> None:
    token = write(tmp_path / "token", "s+cret!\nnöt this\n")
    allowed = ["--allow-origin", "http://a.org", "--allow-origin", "https://b.org"]
    with running("--no-preload", "--token-file", token, *allowed) as server:
        quoted = "s%2Bcret!"
        assert refusal(server) == 401
        assert refusal(server, "/ws?token=secret") == 401
        assert refusal(server, "/?token=") == 401
        assert refusal(server, additional_headers={"Authorization": "Bearer x"}) == 401
        assert refusal(server, f"/?token={quoted}", origin="http://c.org") == 403
        for origin in ("http://a.org", "https://b.org"):
            with server.client(f"/?token={quoted}", origin=origin) as ws:
                ws.ping().wait(60)
        assert server.get("/healthz")[0] == 200
        assert server.get("/metrics")[0] == 401
        assert server.get(f"/metrics?token={quoted}")[0] == 200
        assert server.get("/metrics", Authorization="Basic abc")[0] == 401
        assert server.end() == 0
        assert [line for line in server.said if "listening" not in line] == []


def test_an_ascii_token_as_a_header(tmp_path: Path) -> None:
    token = write(tmp_path / "token", "secret")
    with running("--no-preload", "--token-file", token) as server:
        with server.client(additional_headers={"Authorization": "bearer secret"}) as ws:
            ws.ping().wait(60)
        assert server.get("/metrics", Authorization="Bearer secret")[0] == 200


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str]:
    """Its file and that of its key."""
    files = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [*command.split(), *subject, "-out", files[0], "-keyout", files[1]],
        check=True,
        capture_output=True,
    )
    return files


@needs("openssl")
def test_tls(certificate: tuple[str, str]) -> None:
    cert, key = certificate
    with running("--tls-cert", cert, "--tls-key", key) as server:
        assert server.address.startswith("wss://")
        trusted = ssl.create_default_context(cafile=cert)
        with server.client(ssl=trusted) as ws:
            speak(ws)
        with pytest.raises(ssl.SSLError):
            server.client(ssl=ssl.create_default_context())
        with pytest.raises((ConnectionClosed, OSError, InvalidMessage)):
            connect(server.address.replace("wss", "ws"))
        with server.client(ssl=trusted) as ws:
            speak(ws)
        assert server.end() == 0
        assert len([line for line in server.said if "listening" not in line]) == 4


@needs("openssl")
def test_an_encrypted_key_asks_nobody(certificate: tuple[str, str], run: Run) -> None:
    cert, key = certificate
    run(f"openssl ec -in {key} -aes256 -passout pass:secret -out locked.pem")
    done = run("mlxtts-ws", "--port", "0", "--tls-cert", cert, "--tls-key", "locked.pem")
    assert done.returncode == 2
    assert error_of(done).startswith(f"mlxtts-ws: {cert}: its key is encrypted")


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "speech"
    for _ in range(2):  # the second finds what the first left
        with running("--unix", str(path)) as server:
            assert server.address == str(path)
            with unix_connect(str(path), max_size=None) as ws:
                speak(ws)
            with unix_connect(str(path), "ws://example.org") as ws:
                ws.ping().wait(60)
            done = subprocess.run(
                ["mlxtts-ws", "--unix", str(path)], env=environment(), capture_output=True
            )
            assert done.returncode == 1
            assert error_of(done) == f"mlxtts-ws: {path}: Address already in use"
    assert path.exists()  # they were killed
    with running("--unix", str(path)) as server:
        assert server.end() == 0
    assert not path.exists()
    with running("--no-preload", "--unix", str(path)) as server:
        path.unlink()
        with running("--no-preload", "--unix", str(path)):
            assert server.end() == 0
            assert path.exists()  # it is another's


@pytest.mark.parametrize(
    ("options", "status", "reason"),
    [
        (["--port", "{taken}"], 1, "127.0.0.1 port {taken}: Address already in use"),
        (["--port", "70000"], 2, "argument --port: invalid port value: '70000'"),
        (["--host", "nowhere.invalid"], 1, "nowhere.invalid port 0: "),
        (["--unix", ""], 2, "argument --unix: invalid place value: ''"),
        (["--unix", "/nowhere/socket"], 1, "/nowhere/socket: No such file or directory"),
        (["--tls-cert", "{empty}"], 2, "{empty}: no certificate with its key"),
        (["--tls-cert", "nowhere"], 1, "nowhere: No such file or directory"),
        (
            ["--tls-cert", "{empty}", "--tls-key", "nowhere"],
            1,
            "nowhere: No such file or directory",
        ),
        (["--tls-key", "{empty}"], 2, "--tls-key: needs --tls-cert"),
        (["--token-file", "nowhere"], 1, "nowhere: No such file or directory"),
        (["--token-file", ""], 1, ".: Is a directory"),
        (["--token-file", "{empty}"], 2, "{empty}: its first line must be the token"),
        (["--token-file", "{foreign}"], 2, "{foreign}: the token must be printable ASCII"),
        (["--wait"], 2, "--wait: only for a pipe"),
        (["--no-pace"], 2, "--no-pace: only for a pipe"),
        (["--voice", "slt", "-"], 2, "--voice: not for a pipe"),
        (["--no-preload", "-"], 2, "--no-preload: not for a pipe"),
        (["--max-streams", "3", "-"], 2, "--max-streams: not for a pipe"),
        (["--queue", "3", "-"], 2, "--queue: not for a pipe"),
        (["--max-text", "3", "-"], 2, "--max-text: not for a pipe"),
        (["--cache-bits", "8", "-"], 2, "--cache-bits: not for a pipe"),
        (["--offline", "-"], 2, "--offline: not for a pipe"),
        (["--revision", "main", "-"], 2, "--revision: not for a pipe"),
        (["--model", "nowhere"], 1, "model 'nowhere': neither a folder nor"),
        (["--voice", "nobody"], 1, "voice 'nobody': unknown; the voices are slt, rms, awb, kal16"),
        (["--cache-bits", "8"], 2, "--cache-bits 8: needs a GPU of NVIDIA's"),
        (["--max-streams", "0"], 2, "argument --max-streams: invalid count value: '0'"),
    ],
)
def test_what_it_cannot_begin_with(
    run: Run, tmp_path: Path, options: list[str], status: int, reason: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        names = {"taken": str(taken.getsockname()[1]), "empty": write(tmp_path / "empty", "\n")}
        names["foreign"] = write(tmp_path / "foreign", "söcret\n")
        words = [word.format(**names) for word in options]
        done = run("mlxtts-ws", "--host", "127.0.0.1", "--port", "0", *words)
    assert (done.returncode, done.stdout) == (status, b"")
    assert error_of(done).startswith(f"mlxtts-ws: {reason.format(**names)}")


def test_sigterm_lets_streams_end() -> None:
    with running("--max-streams", "1") as server, ExitStack() as stack:
        idle, busy, queued = (stack.enter_context(server.client()) for _ in range(3))
        for ws in (busy, queued):
            start(ws, "It goes on. Until the end.")
            receive(ws, "stream_started")
        busy.recv(60)
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as caught:
            idle.recv(60)
        assert caught.value.rcvd
        assert caught.value.rcvd.code == 1001
        assert server.get("/healthz") == (503, '{"status":"draining"}')
        assert refusal(server) == 503
        start(busy)
        told = receive(busy, "error")
        assert (told["code"], "session_id" in told) == ("draining", False)
        for ws in (busy, queued):  # what had begun goes on
            sound, _ = listen(ws)
            assert len(sound) > 24_000
        for ws in (busy, queued):
            with pytest.raises(ConnectionClosed):
                ws.recv(60)
        assert server.process.wait(60) == 0


def test_sigterm_waits_no_longer_than_grace() -> None:
    with running("--grace", "0.5") as server, server.client() as ws, server.client() as deaf:
        start(deaf, LONG)
        start(ws, LONG)
        receive(ws, "stream_started")
        server.process.send_signal(signal.SIGTERM)
        assert listen(ws, "stream_stopped")[1]["reason"] == "shutdown"
        assert server.process.wait(60) == 0


@pytest.mark.parametrize(
    "signals",
    [[signal.SIGINT], [signal.SIGHUP], [signal.SIGTERM] * 2, [signal.SIGTERM, signal.SIGINT]],
)
def test_other_signals_end_it_at_once(signals: list[int], tmp_path: Path) -> None:
    path = tmp_path / "speech"
    with running("--unix", str(path), "--grace", "600") as server:
        with unix_connect(str(path), max_size=None) as ws:
            start(ws, LONG)
            receive(ws, "stream_started")
            for signum in signals:
                server.process.send_signal(signum)
                time.sleep(0.3)
            assert listen(ws, "stream_stopped")[1]["reason"] == "shutdown"
            assert server.process.wait(60) == -signals[-1]
        server._listening.join(10)
        assert not [line for line in server.said if "Error" in line or "Traceback" in line]
        assert not path.exists()


def test_a_model_that_fails_is_told_and_ends_the_server(model_folder: Path) -> None:
    weights = model_folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with running("--model", str(model_folder), "--no-preload") as server:
        assert server.get("/healthz")[0] == 200
        with server.client() as other, server.client() as ws:
            start(ws)
            session = receive(ws, "stream_started")["session_id"]
            told = receive(ws, "error")
            assert (told["code"], told["session_id"]) == ("engine", session)
            assert receive(other, "error")["code"] == "engine"
            with pytest.raises(ConnectionClosed) as caught:
                ws.recv(60)
            assert caught.value.rcvd
            assert caught.value.rcvd.code == 1011
        assert server.process.wait(60) == 1
        server._listening.join(10)
        assert server.said[-1].startswith(f"mlxtts-ws: {weights}: cut short")
    done = subprocess.run(
        ["mlxtts-ws", "--port", "0", "--model", str(model_folder)],
        env=environment(),
        capture_output=True,
    )
    assert (done.returncode, done.stdout) == (1, b"")
    assert "model.safetensors" in error_of(done)


def handshake(server: Server) -> socket.socket:
    """A WebSocket whose client never answers."""
    host, _, port = server.address.removeprefix("ws://").rpartition(":")
    raw = socket.create_connection((host, int(port)))
    raw.sendall(
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert raw.recv(1000).startswith(b"HTTP/1.1 101")
    return raw


def masked(text: str) -> bytes:
    """A short text message of a client, under a mask of zeros."""
    return bytes([0x81, 0x80 | len(text)]) + bytes(4) + text.encode()


def test_half_open_connections_are_found() -> None:
    with running("--ping", "0.3") as server:
        silent, stuffed = handshake(server), handshake(server)
        stuffed.sendall(masked('{"type":"start","text":"%s"}' % ("Go on. " * 12)))
        with server.client() as alive:
            eventually(lambda: server.metric("connections") == 3)
            eventually(lambda: server.metric("connections") == 1)
            assert server.metric("rows_busy") == 0
            speak(alive)
        silent.close()
        stuffed.close()
        assert server.end() == 0


def test_who_asks_much_and_reads_nothing_is_dropped() -> None:
    with running("--no-preload") as server:
        raw = handshake(server)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with pytest.raises((ConnectionError, BrokenPipeError)):
            raw.sendall(masked('{"type":"get_status"}') * 1_000_000)
        eventually(lambda: server.metric("connections") == 0)
        raw.close()
        assert server.end() == 0


def test_too_many_connections() -> None:
    with running("--no-preload", "--max-connections", "2") as server:
        with server.client(), server.client():
            assert refusal(server) == 503
            assert server.get("/healthz")[0] == 200
        eventually(lambda: server.metric("connections") == 0)
        with server.client() as ws:
            ws.ping().wait(60)


def test_the_client_of_the_websockets_package(server: Server) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "websockets", server.address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as client:
        assert client.stdin
        assert client.stdout
        client.stdin.write(b'{"type":"start","text":"Yes."}\n')
        client.stdin.flush()
        said = b""
        while b"stream_complete" not in said:
            line = client.stdout.readline()
            assert line
            said += line
        client.stdin.close()
        client.wait(60)
    assert said.index(b"stream_started") < said.index(b"< (binary) 50434d30") < len(said)


NODE = """
const socket = new (require("ws"))(process.argv[2]);
let samples = 0;
socket.on("open", () => socket.send(JSON.stringify({type: "start", text: "Yes."})));
socket.on("message", (data, binary) => {
  if (binary) samples += data.readUInt32LE(8);
  else if (JSON.parse(data).type === "stream_complete") {
    console.log(samples, JSON.parse(data).samples);
    socket.close();
  }
});
"""


@needs_node("ws")
def test_a_client_of_node(server: Server) -> None:
    done = subprocess.run(
        ["node", "-e", NODE, "", server.address],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(NODE_PATH=node_path()),
        check=True,
    )
    heard, told = map(int, done.stdout.split())
    assert heard == told > 0
