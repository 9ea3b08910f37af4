"""mlxtts-recv against a server that does as it is told to, and one against the real one."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve, unix_serve

from mlxtts.wire.pcm0 import Reader
from tests.bin.test_play import END, RATE, pcm0
from tests.conftest import Run, environment, error_of, needs
from tests.serve.servers import running
from tests.serve.servers import speak as speak_for_real
from tests.serve.test_station import station, tell

SOUND = np.random.default_rng(1).uniform(-0.5, 0.5, 4_800).astype("<f4")
FRAMES = [pcm0(SOUND[at : at + 1_200]) for at in range(0, 4_800, 1_200)] + [END]
Talk = Callable[[ServerConnection, int], None]


def say(ws: ServerConnection, kind: str, **keys: Any) -> None:
    ws.send(json.dumps({"type": kind, **keys}))


def hear(ws: ServerConnection) -> list[dict[str, Any]]:
    """What comes, until its end."""
    heard = [json.loads(ws.recv(30))]
    while heard[-1]["type"] != "end":
        heard.append(json.loads(ws.recv(30)))
    return heard


def speak(ws: ServerConnection, _: int = 0, **stats: Any) -> None:
    hear(ws)
    say(ws, "stream_started", session_id="1")
    for frame in FRAMES:
        ws.send(frame)
    say(ws, "stream_complete", session_id="1", **stats)


class Fake:
    """`talk` gets each connection and its number, from 0."""

    def __init__(self, talk: Talk) -> None:
        self.connections = 0
        self.headers: list[Any] = []
        self.problems: list[BaseException] = []
        self.url = ""
        self._talk = talk

    def answer(self, ws: ServerConnection) -> None:
        number, self.connections = self.connections, self.connections + 1
        assert ws.request
        self.headers.append(ws.request.headers)
        try:
            self._talk(ws, number)
        except ConnectionClosed:
            pass
        except BaseException as problem:
            self.problems.append(problem)


@contextmanager
def fake(talk: Talk, unix: Path | None = None, **options: Any) -> Iterator[Fake]:
    told = Fake(talk)
    server: Server
    if unix:
        server = unix_serve(told.answer, str(unix), **options)
        told.url = "ws://localhost"
    else:
        server = serve(told.answer, "127.0.0.1", 0, **options)
        scheme = "wss" if "ssl" in options else "ws"
        told.url = f"{scheme}://127.0.0.1:{server.socket.getsockname()[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield told
    finally:
        server.shutdown()
    assert told.problems == []


def test_text_goes_and_sound_comes(run: Run) -> None:
    messages: list[dict[str, Any]] = []

    def talk(ws: ServerConnection, _: int) -> None:
        messages.extend(hear(ws))
        for frame in FRAMES:
            ws.send(frame)
        say(ws, "stream_complete")

    with fake(talk) as server:
        options = ("--voice", "ann", "--seed", "7", "--top-p", "0.5")
        done = run("mlxtts-recv", *options, server.url, stdin="\ufeffGrüß Gott.\nYes.".encode())
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"".join(FRAMES)
    start, *pieces, end = messages
    expected = {"voice": "ann", "seed": 7, "top_p": 0.5, "ultra_low_latency": False}
    assert start == expected | {"type": "start"}
    assert "".join(piece["text"] for piece in pieces) == "Grüß Gott.\nYes."
    assert end == {"type": "end"}


def test_text_goes_no_faster_than_it_is_spoken(run: Run) -> None:
    text = "".join(f"{number} is a number.\n" for number in range(3_000))
    heard: list[str] = []
    waiting = [0]

    def talk(ws: ServerConnection, _: int) -> None:
        while (message := json.loads(ws.recv(30)))["type"] != "end":
            if message["type"] == "text":
                heard.append(message["text"])
                waiting.append(waiting[-1] + len(heard[-1]))
            elif message["type"] == "get_status":
                with pytest.raises(TimeoutError):  # it waits for the answer
                    ws.recv(0.7)
                waiting.append(max(0, waiting[-1] - 7_000))
                say(ws, "status", stream={"unspoken": waiting[-1]})
        for frame in FRAMES:
            ws.send(frame)
        say(ws, "stream_complete")

    with fake(talk) as server:
        done = run("mlxtts-recv", server.url, stdin=text.encode())
    assert (done.returncode, done.stdout) == (0, b"".join(FRAMES)), done.stderr
    assert "".join(heard) == text
    assert 5_000 < max(waiting) <= 10_000


def test_it_streams_both_ways() -> None:
    """The first sentence is heard while the second has not been written; a character may come in
    two halves."""

    arrived = threading.Event()

    def talk(ws: ServerConnection, _: int) -> None:
        assert json.loads(ws.recv(30))["type"] == "start"
        assert json.loads(ws.recv(30)) == {"type": "text", "text": "Caf"}
        arrived.set()
        assert json.loads(ws.recv(30)) == {"type": "text", "text": "é."}
        ws.send(FRAMES[0])
        hear(ws)
        ws.send(END)
        say(ws, "stream_complete")

    with (
        fake(talk) as server,
        subprocess.Popen(
            ["mlxtts-recv", server.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
        ) as process,
    ):
        assert process.stdin
        assert process.stdout
        process.stdin.write("Café.".encode()[:4])
        process.stdin.flush()
        assert arrived.wait(60)
        process.stdin.write("Café.".encode()[4:])
        process.stdin.flush()
        assert process.stdout.read(len(FRAMES[0])) == FRAMES[0]
        process.stdin.write(b" More.")
        process.stdin.close()
        assert process.stdout.read() == END
        assert process.wait(30) == 0


@pytest.mark.parametrize("how", ["lost", "busy", "refused for now"])
def test_it_tries_again_while_there_is_no_sound(how: str, run: Run) -> None:
    """And says all of its text again."""
    said: list[str] = []

    def talk(ws: ServerConnection, number: int) -> None:
        said.append("".join(message.get("text", "") for message in hear(ws)))
        if number < 2 and how == "lost":
            ws.socket.close()
        elif number < 2 and how == "busy":
            say(ws, "error", code="busy", message="all rows are in use", retry_after=0.1)
        else:
            for frame in FRAMES:
                ws.send(frame)
            say(ws, "stream_complete")

    tries = iter(range(9))

    def full(ws: ServerConnection, _: Any) -> Any:
        if how == "refused for now" and next(tries) < 2:
            return ws.respond(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections\n")
        return None

    with fake(talk, process_request=full) as server:
        done = run("mlxtts-recv", "-v", "--retry", "30", server.url, "Once", "more.")
    assert done.returncode == 0
    assert done.stdout == b"".join(FRAMES)
    assert done.stderr.count(b"trying again") == 2
    assert set(said) == {"Once more."}


def test_once_there_was_sound_it_does_not_try_again(run: Run) -> None:
    def talk(ws: ServerConnection, _: int) -> None:
        hear(ws)
        ws.send(FRAMES[0])
        ws.close(1011, "the model has failed")

    with fake(talk) as server:
        done = run("mlxtts-recv", "--retry", "30", server.url, "Hello.")
        assert server.connections == 1
    assert (done.returncode, done.stdout) == (6, FRAMES[0])
    assert error_of(done).endswith(": connection lost: the model has failed")


def test_what_a_server_refuses(run: Run) -> None:
    replies: list[tuple[dict[str, Any], int]] = [
        ({"code": "voice", "message": "voice 'x': unknown"}, 1),
        ({"code": "busy", "message": "all rows are in use", "retry_after": 60}, 5),
        ({"code": "draining", "message": "about to end"}, 5),
        ({"code": "broadcast", "message": "only sends"}, 1),
    ]

    def talk(ws: ServerConnection, number: int) -> None:
        hear(ws)
        say(ws, "error", **replies[number][0])

    with fake(talk) as server:
        for reply, status in replies:
            done = run("mlxtts-recv", "--retry", "0", server.url, "Hello.")
            assert (done.returncode, done.stdout) == (status, b"")
            assert error_of(done) == f"mlxtts-recv: {server.url}: {reply['message']}"


@pytest.mark.parametrize(
    ("http", "status", "reason"),
    [
        (HTTPStatus.UNAUTHORIZED, 4, "refused: a token is needed"),
        (HTTPStatus.FORBIDDEN, 4, "refused: a token is needed"),
        (HTTPStatus.NOT_FOUND, 3, "no WebSocket server: HTTP status 404"),
        (HTTPStatus.SERVICE_UNAVAILABLE, 5, "a token is needed"),
    ],
)
def test_who_is_not_let_in(http: HTTPStatus, status: int, reason: str, run: Run) -> None:
    def refuse(ws: ServerConnection, _: Any) -> Any:
        return ws.respond(http, "a token is needed\n")

    with fake(speak, process_request=refuse) as server:
        done = run("mlxtts-recv", "--retry", "0", server.url, "Hello.")
    assert (done.returncode, error_of(done)) == (status, f"mlxtts-recv: {server.url}: {reason}")


def test_nobody_there(run: Run, tmp_path: Path) -> None:
    done = run("mlxtts-recv", "--retry", "0", "ws://127.0.0.1:1", "Hello.")
    assert (done.returncode, error_of(done)) == (
        3,
        "mlxtts-recv: ws://127.0.0.1:1: Connection refused",
    )
    done = run("mlxtts-recv", "--retry", "0", "--unix", "", "ws://localhost:1", "Hello.")
    assert done.returncode == 2
    done = run("mlxtts-recv", "--retry", "0", "--unix", "none", "ws://localhost", "Hello.")
    assert (done.returncode, error_of(done)) == (3, "mlxtts-recv: none: No such file or directory")


@pytest.mark.parametrize("url", ["localhost:8765", "http://localhost", "ws://", "ws://host:x"])
def test_what_is_no_address(url: str, run: Run) -> None:
    done = run("mlxtts-recv", url, "Hello.")
    assert done.returncode == 2
    assert error_of(done) == f"mlxtts-recv: {url}: must be like ws://host:port, or wss://"


def test_certificates_that_are_none(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    done = run("mlxtts-recv", "--ca", "empty.pem", "wss://localhost", "Hello.")
    assert (done.returncode, error_of(done)) == (2, "mlxtts-recv: empty.pem: no certificate in PEM")
    done = run("mlxtts-recv", "--ca", "none.pem", "wss://localhost", "Hello.")
    expected = "mlxtts-recv: none.pem: No such file or directory"
    assert (done.returncode, error_of(done)) == (1, expected)


def test_without_an_address(run: Run) -> None:
    done = run("mlxtts-recv", "--voice", "slt")
    assert done.returncode == 2
    assert error_of(done) == "mlxtts-recv: an address is needed, such as ws://host:8765"


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"RIFF" * 9, "byte 0: no PCM0 frame begins here"),
        (
            FRAMES[0][:-1],
            f"byte 0: frame cut short: {len(FRAMES[0]) - 1} of {len(FRAMES[0])} bytes",
        ),
        ("what", "what came is no message of mlxtts-ws(7)"),
        ("[]", "what came is no message of mlxtts-ws(7)"),
    ],
)
def test_a_server_that_speaks_something_else(sent: bytes | str, reason: str, run: Run) -> None:
    def talk(ws: ServerConnection, _: int) -> None:
        hear(ws)
        ws.send(sent)

    with fake(talk) as server:
        done = run("mlxtts-recv", "--retry", "0", server.url, "Hello.")
    assert (done.returncode, error_of(done)) == (1, f"mlxtts-recv: {server.url}: {reason}")


def test_bad_text_is_no_fault_of_the_server(run: Run) -> None:
    with fake(speak) as server:
        done = run("mlxtts-recv", server.url, stdin=b"Good.\n\xff\n")
    assert (done.returncode, error_of(done)) == (1, "mlxtts-recv: stdin: not UTF-8")


def test_a_cut_and_a_tag_are_told(run: Run) -> None:
    with fake(lambda ws, _: speak(ws, truncated=True, left_out=["<laugh>"])) as server:
        done = run("mlxtts-recv", server.url, "Hello.")
    assert (done.returncode, done.stdout) == (1, b"".join(FRAMES))
    assert b"text: cut short at the limit of tokens\n" in done.stderr
    assert b"text: <laugh> left out" in done.stderr


def test_a_unix_socket_and_a_token(run: Run, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    with fake(speak, unix=tmp_path / "socket") as server:
        more = ("--unix", "socket", "--token-file", "token")
        done = run("mlxtts-recv", *more, server.url, "Hello.")
        assert server.headers[0]["Authorization"] == "Bearer secret"
    assert (done.returncode, done.stdout) == (0, b"".join(FRAMES))


@needs("openssl")
def test_wss_needs_a_certificate_that_is_trusted(run: Run, tmp_path: Path) -> None:
    command = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2"
    done = run(f"{command} -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1")
    assert done.returncode == 0
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with fake(speak, ssl=context) as server:
        done = run("mlxtts-recv", "--ca", "cert.pem", server.url, "Hello.")
        assert (done.returncode, done.stderr, done.stdout) == (0, b"", b"".join(FRAMES))
        done = run("mlxtts-recv", "--retry", "0", server.url, "Hello.")
        assert done.returncode == 3
        assert "certificate not trusted" in error_of(done)


def test_it_dies_of_its_reader_and_of_ctrl_c(run: Run) -> None:
    def talk(ws: ServerConnection, _: int) -> None:
        json.loads(ws.recv(30))
        while True:
            ws.send(FRAMES[0])
            time.sleep(0.01)

    with fake(talk) as server:
        done = run(f"mlxtts-recv {server.url} Hello. | head -c 16 | wc -c; echo ${{PIPESTATUS[0]}}")
        assert (done.stdout.split(), done.stderr) == ([b"16", b"141"], b"")
        with subprocess.Popen(
            ["mlxtts-recv", server.url, "Hello."],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        ) as process:
            assert process.stdout
            assert process.stderr
            process.stdout.read(16)
            os.kill(process.pid, signal.SIGINT)
            process.stdout.read()
            assert process.stderr.read() == b""
            assert process.wait(30) == -signal.SIGINT


def test_a_slow_reader_keeps_its_connection(run: Run) -> None:
    """Pings are answered though nobody takes the sound."""
    sent = pcm0(np.zeros(RATE * 2, "<f4"))  # a hundred are more than pipes and sockets hold

    def talk(ws: ServerConnection, _: int) -> None:
        hear(ws)
        for _ in range(100):
            ws.send(sent)
        assert ws.ping().wait(10)
        say(ws, "stream_complete")

    with fake(talk) as server:
        done = run(f"mlxtts-recv {server.url} Hello. | (sleep 3; wc -c)")
    assert (done.returncode, done.stdout.strip()) == (0, str(100 * len(sent)).encode())


def test_a_broadcast_is_listened_to(run: Run) -> None:
    """And what comes is heard if the server has gone before it could be asked what it is."""

    def talk(ws: ServerConnection, _: int) -> None:
        for frame in FRAMES:
            ws.send(frame)
        say(ws, "stream_complete")

    with fake(talk) as gone:
        listened = run("mlxtts-recv", "--listen", gone.url)
    assert (listened.returncode, listened.stdout) == (0, b"".join(FRAMES))
    with station("--no-pace", "--wait") as server:
        done: list[subprocess.CompletedProcess[bytes]] = []
        listening = threading.Thread(
            target=lambda: done.append(run("mlxtts-recv", "--listen", server.address))
        )
        listening.start()
        tell(server, *FRAMES)
        assert server.process.stdin
        server.process.stdin.close()
        listening.join(60)
        assert server.process.wait(60) == 0
    assert (done[0].returncode, done[0].stderr) == (0, b"")
    assert done[0].stdout == b"".join(FRAMES)
    assert run("mlxtts-recv", "--listen", "ws://localhost", "Hello.").returncode == 2


def test_a_server_that_has_no_broadcast(run: Run) -> None:
    with running("--no-preload") as server:
        done = run("mlxtts-recv", "--listen", "--retry", "0", server.address)
    expected = f"mlxtts-recv: {server.address}: this server has no broadcast, and waits for text"
    assert (done.returncode, done.stdout, error_of(done)) == (1, b"", expected)


def test_no_mlx_is_needed(run: Run) -> None:
    with fake(speak) as server:
        line = f"PYTHONPROFILEIMPORTTIME=1 mlxtts-recv {server.url} Hello. 2>&1 >/dev/null"
        names = {name.split(b"|")[-1].strip() for name in run(line).stdout.splitlines()}
    assert b"websockets.sync.client" in names
    assert not any(name.startswith((b"mlx.", b"numpy", b"starlette")) for name in names)


def test_the_sound_of_a_real_server(run: Run) -> None:
    with running() as server:
        done = run("mlxtts-recv", server.address, "--voice", "rms", stdin=b"Good morning.\n")
        assert (done.returncode, done.stderr) == (0, b"")
        with server.client() as ws:
            expected = speak_for_real(ws, "Good morning.", voice="rms")
    received = list(Reader().read([done.stdout]))
    assert b"".join(frame.payload for frame in received) == expected
    assert [frame.is_end for frame in received[-2:]] == [False, True]
