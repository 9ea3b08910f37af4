"""mlxtts-ws - : real pipes, real sockets, real players."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.bin.test_play import END, RATE, pcm0, place
from tests.conftest import BIN, Run, environment, error_of, needs
from tests.serve.servers import Server, eventually, receive, running, send

SPEECH = (0.5 * np.sin(np.arange(RATE * 2) ** 2 * 1e-5)).astype(np.float32)  # finds its place
STEP = 2_000


def frames(samples: np.ndarray, rate: int = RATE) -> Iterator[bytes]:
    for at in range(0, len(samples), STEP):
        yield pcm0(samples[at : at + STEP], rate)


@contextmanager
def station(*options: str) -> Iterator[Server]:
    """`write` into it with `tell`."""
    with running(*options, "-", stdin=subprocess.PIPE) as server:
        yield server


def tell(server: Server, *data: bytes) -> None:
    assert server.process.stdin
    server.process.stdin.write(b"".join(data))
    server.process.stdin.flush()


def finish(server: Server) -> int:
    """Its exit status, once the pipe has ended."""
    assert server.process.stdin
    server.process.stdin.close()
    return server.process.wait(60)


def hear(ws: ClientConnection) -> tuple[np.ndarray, dict]:
    """All sound, and the message that ends it."""
    heard = []
    while isinstance(data := ws.recv(60), bytes):
        heard.append(data[16:])
    return np.frombuffer(b"".join(heard), "<f4"), json.loads(data)


def code(ws: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed):
        ws.recv(60)
    assert ws.close_code is not None
    return ws.close_code


def test_every_listener_gets_every_frame_and_then_a_clean_end() -> None:
    with station("--no-pace", "--wait") as server, ExitStack() as stack:
        listeners = [stack.enter_context(server.client(path)) for path in ("/", "/ws", "/")]
        told = [receive(ws, "stream_started") for ws in listeners]
        assert {(said["broadcast"], said["frame"]) for said in told} == {(True, 0)}
        tell(server, *frames(SPEECH), END)
        assert server.process.stdin
        server.process.stdin.close()
        for ws in listeners:
            heard, said = hear(ws)
            assert np.array_equal(heard, SPEECH)
            assert (said["type"], said["samples"]) == ("stream_complete", len(SPEECH))
            assert said["seconds"] == len(SPEECH) / RATE
            assert code(ws) == 1000
        assert server.process.wait(60) == 0
    assert not [line for line in server.said if "listening" not in line]


def test_frames_travel_as_they_are() -> None:
    """Marks, other rates and channels included."""
    sent = [pcm0(SPEECH[:99]), END, END, pcm0(SPEECH[:50], 16_000), pcm0(SPEECH[:50], RATE, 2)]
    with station("--no-pace", "--wait") as server, server.client() as ws:
        receive(ws, "stream_started")
        tell(server, *sent)
        assert [ws.recv(60) for _ in sent] == sent
        assert finish(server) == 0


def test_it_is_paced_at_real_time_with_or_without_a_listener() -> None:
    started = time.monotonic()
    with station() as server:
        tell(server, *frames(SPEECH), END)
        with server.client() as ws:
            receive(ws, "stream_started")
            assert finish(server) == 0
            heard, _ = hear(ws)
    assert time.monotonic() - started >= (len(SPEECH) - STEP) / RATE
    assert 0 < len(heard) < len(SPEECH)  # it came late
    assert np.array_equal(heard, SPEECH[len(SPEECH) - len(heard) :])


def test_who_was_cut_off_goes_on_where_it_was() -> None:
    with station("--no-pace", "--wait") as server:
        with server.client() as ws:
            session = receive(ws, "stream_started")["session_id"]
            tell(server, *frames(SPEECH))
            first = [ws.recv(60) for _ in range(5)]
        with server.client(f"/?session={session}&frame=5") as ws:
            assert receive(ws, "stream_started")["frame"] == 5
            tell(server, END)
            assert finish(server) == 0
            rest, _ = hear(ws)
    before = np.frombuffer(b"".join(data[16:] for data in first), "<f4")  # type: ignore[index]
    assert np.array_equal(np.concatenate([before, rest]), SPEECH)


@pytest.mark.parametrize(
    "query", ["session=x&frame=0", "frame=0", "session={}&frame=99", "session={}&frame=-1"]
)
def test_who_asks_for_what_is_not_there_begins_at_the_next_frame(query: str) -> None:
    with station("--no-pace", "--wait") as server:
        with server.client() as ws:
            session = receive(ws, "stream_started")["session_id"]
            tell(server, *frames(SPEECH[: 3 * STEP]))
            for _ in range(3):
                ws.recv(60)
        with server.client("/?" + query.format(session)) as ws:
            assert receive(ws, "stream_started")["frame"] == 3


def test_what_a_listener_says() -> None:
    with station("--wait") as server, server.client() as ws:
        receive(ws, "stream_started")
        send(ws, type="get_status")
        status = receive(ws, "status")
        assert (status["broadcast"], status["state"], status["listeners"]) == (True, "ok", 1)
        for message, expected in (
            ({"type": "start", "text": "Hello."}, "broadcast"),
            ({"type": "stop_stream"}, "broadcast"),
            ({"type": "what"}, "type"),
        ):
            send(ws, **message)
            assert receive(ws, "error")["code"] == expected
        ws.send(b"\0")
        assert receive(ws, "error")["code"] == "json"
        tell(server, END)
        assert ws.recv(60) == END


@pytest.mark.parametrize(
    ("bad", "reason"),
    [(b"what", "no PCM0 frame begins here"), (END[:7], "frame cut short: 7 of 16 bytes")],
)
def test_a_malformed_pipe_is_told_to_all(bad: bytes, reason: str) -> None:
    good = b"".join(frames(SPEECH[:6_000]))
    with station("--no-pace", "--wait") as server, server.client() as ws:
        receive(ws, "stream_started")
        tell(server, good, bad)
        assert server.process.stdin
        server.process.stdin.close()
        heard, said = hear(ws)
        assert np.array_equal(heard, SPEECH[:6_000])
        assert (said["type"], said["code"]) == ("error", "broken")
        assert code(ws) == 1011
        assert server.process.wait(60) == 1
        server._listening.join(10)
    assert server.said[-1] == f"mlxtts-ws: stdin: byte {len(good)}: {reason}"


@pytest.mark.parametrize("stdin", [b"", b"RIFF" * 9])
def test_what_is_no_stream_fails_at_once(stdin: bytes, run: Run) -> None:
    done = run("mlxtts-ws", "--port", "0", "-", stdin=stdin)
    assert done.returncode == 1
    assert error_of(done).startswith("mlxtts-ws: stdin: byte 0: ")


def test_a_pipe_has_no_voice(run: Run) -> None:
    done = run("mlxtts-ws", "--port", "0", "--voice", "slt", "-", stdin=END)
    assert done.returncode == 2
    assert "--voice" in error_of(done)


def test_no_model_is_loaded_for_a_pipe() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", str(BIN / "mlxtts-ws"), "--port", "0", "-"],
        input=END,
        capture_output=True,
        check=True,
        env=environment(),
    )
    modules = {line.split(b"|")[-1].strip().split(b".")[0] for line in done.stderr.splitlines()}
    assert b"starlette" in modules
    assert not modules & {b"mlx", b"tokenizers", b"huggingface_hub"}


def sleeper(server: Server, path: str) -> socket.socket:
    """Somebody who asks for the stream and reads nothing of it."""
    address = urlsplit(server.http)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect((address.hostname, address.port))
    upgrade = (
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    more = upgrade if path == "/" else ""
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\n{more}\r\n".encode())
    return sock


@pytest.mark.parametrize("path", ["/", "/stream.wav"])
def test_one_who_does_not_read_is_dropped_and_holds_nobody_up(path: str) -> None:
    with station("--no-pace", "--wait") as server, sleeper(server, path), server.client() as ws:
        receive(ws, "stream_started")
        eventually(lambda: server.metric("listeners") == 2)
        for _ in range(40):  # in step, so that only one of them is slow
            tell(server, *frames(SPEECH))
            heard = [ws.recv(60)[16:] for _ in frames(SPEECH)]
            assert b"".join(heard) == SPEECH.tobytes()  # type: ignore[arg-type]
        eventually(lambda: server.metric("listeners") == 1)
        assert server.metric("listeners_dropped_total") == 1
        assert finish(server) == 0
    assert any("dropped: more than 10 s behind" in line for line in server.said)
    assert not any("Traceback" in line or "ASGI" in line for line in server.said)


def test_one_who_reads_again_learns_why_it_was_dropped() -> None:
    with station("--no-pace", "--wait") as server, server.client(max_queue=1) as ws:
        receive(ws, "stream_started")
        sent = np.tile(SPEECH, 60)
        tell(server, *frames(sent))
        eventually(lambda: server.metric("listeners_dropped_total") == 1)
        data: str | bytes = b""
        while isinstance(data, bytes):
            data = ws.recv(60)
        assert json.loads(data)["code"] == "behind"
        assert code(ws) == 1008


def test_those_who_slam_the_door_do_not_end_it() -> None:
    with station("--no-pace", "--wait") as server:
        stop = threading.Event()

        def speak() -> None:
            while not stop.is_set():
                tell(server, pcm0(SPEECH[:STEP]))

        speaking = threading.Thread(target=speak)
        speaking.start()
        for number in range(100):
            sock = sleeper(server, ("/", "/stream.mp3", "/stream.wav")[number % 3])
            sock.recv(100)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        eventually(lambda: server.metric("listeners") == 0)
        stop.set()
        speaking.join()
        assert finish(server) == 0
    assert not any("Traceback" in line or "Exception" in line for line in server.said)


def read_in_background(*command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("format", ["wav", "mp3"])
def test_to_look_at_it_is_not_to_listen(format: str) -> None:
    with station("--no-pace", "--wait") as server:
        host, port = server.http.removeprefix("http://").split(":")
        connection = HTTPConnection(host, int(port), timeout=10)
        connection.request("HEAD", f"/stream.{format}")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"")
        assert answer.getheader("content-type", "").startswith("audio/")
        assert server.metric("listeners") == 0
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200


@needs("ffmpeg")
@pytest.mark.parametrize("format", ["wav", "mp3"])
def test_a_file_that_grows(format: str) -> None:
    """A change of rate in the middle is resampled."""
    with station("--no-pace", "--wait") as server:
        command = ("ffmpeg", "-v", "error", "-i", f"{server.http}/stream.{format}")
        ffmpeg = read_in_background(*command, "-f", "f32le", "-ac", "1", "-ar", str(RATE), "-")
        eventually(lambda: server.metric("listeners") == 1)
        tell(server, *frames(SPEECH), END, *frames(np.repeat(SPEECH, 2), 2 * RATE), END)
        assert finish(server) == 0
        out, err = ffmpeg.communicate(timeout=60)
    assert err == b""
    heard = np.frombuffer(out, "<f4")
    assert 0 <= len(heard) - 2 * len(SPEECH) < 4_000
    at, difference = place(heard, SPEECH[:-200])
    assert at < 2_000
    assert difference < (2e-5 if format == "wav" else 0.05)
    power = np.mean(heard[-len(SPEECH) + 4_000 : -4_000] ** 2)
    assert power == pytest.approx(np.mean(SPEECH**2), rel=0.2)


@needs("mpv")
@pytest.mark.parametrize("format", ["wav", "mp3"])
def test_mpv_plays_it(format: str, tmp_path: Path) -> None:
    with station("--wait") as server:
        output = f"--ao-pcm-file={tmp_path / 'heard.wav'}"
        url = f"{server.http}/stream.{format}"
        mpv = read_in_background("mpv", "--no-config", "--really-quiet", "--ao=pcm", output, url)
        eventually(lambda: server.metric("listeners") == 1)
        tell(server, *frames(SPEECH), END)
        assert finish(server) == 0
        assert mpv.wait(60) == 0
    import soundfile

    heard, rate = soundfile.read(tmp_path / "heard.wav", dtype="float32", always_2d=True)
    assert rate == RATE
    assert place(np.append(heard[:, 0], np.zeros(RATE)), SPEECH[:-200])[1] < 0.05


@needs("vlc")
@pytest.mark.parametrize("format", ["wav", "mp3"])
def test_vlc_plays_it(format: str) -> None:
    """It refuses to be root's, and then could not write into the test's folder."""
    somebody = {"user": "nobody", "extra_groups": []} if os.getuid() == 0 else {}
    output = ("--aout=afile", "--audiofile-file=-", "--no-audiofile-wav")
    with station("--wait") as server:
        vlc = subprocess.Popen(
            ["vlc", "-I", "dummy", *output, "--play-and-exit", f"{server.http}/stream.{format}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(HOME="/nonexistent"),
            cwd="/",
            **somebody,
        )
        eventually(lambda: server.metric("listeners") == 1)
        tell(server, *frames(SPEECH), END)
        assert finish(server) == 0
        out, _ = vlc.communicate(timeout=60)
        assert vlc.returncode == 0
    heard = np.frombuffer(out, "<i2").astype(np.float32) / 2**15
    assert 0 <= len(heard) - len(SPEECH) < 4_000
    assert place(np.append(heard, np.zeros(RATE)), SPEECH[:-200])[1] < 0.05


def test_the_token_guards_the_sound_but_not_the_page(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    with station("--wait", "--token-file", str(tmp_path / "token")) as server:
        for path in ("/stream.wav", "/stream.mp3", "/metrics"):
            assert server.get(path)[0] == 401
        assert server.get("/healthz")[0] == server.get("/")[0] == 200
        with server.client("/?token=secret") as ws:
            receive(ws, "stream_started")


def test_it_ends_when_it_is_told_to() -> None:
    with station() as server, server.client() as ws:
        receive(ws, "stream_started")
        tell(server, pcm0(SPEECH[:STEP]))
        assert ws.recv(60) == pcm0(SPEECH[:STEP])
        assert server.end(signal.SIGTERM) == 0
        assert receive(ws, "stream_complete")["samples"] == STEP
        assert code(ws) == 1000


def test_too_many_listeners_are_told_so() -> None:
    with station("--wait", "--max-connections", "1") as server, server.client() as ws:
        receive(ws, "stream_started")
        assert server.get("/stream.wav")[0] == 503
        with pytest.raises(Exception, match="503"):
            server.client()


def test_the_page_is_there() -> None:
    with station("--wait") as server:
        status, page = server.get("/")
        assert status == 200
        linked = re.findall(r'(?:href|src)="(page/[^"]+)"', page)
        assert len(linked) >= 3
        for path in linked:
            assert server.get(f"/{path}")[0] == 200
        assert not re.search(r"https?://(?!www\.w3\.org)", page)
