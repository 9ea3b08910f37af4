"""The page in a headless Chromium; what it plays is recorded on its way to the loudspeaker."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from mlxtts.audio.resample import Resample
from mlxtts.serve import pages
from tests.bin.test_play import END, RATE, pcm0, place
from tests.conftest import CHROMIUM, needs_chromium
from tests.serve.servers import running, write
from tests.serve.test_station import SPEECH, frames, station, tell

pytestmark = needs_chromium()

Talk = Callable[[WebSocket, dict[str, Any]], Awaitable[None]]
FORCED = """
AudioContext = class extends AudioContext {
    constructor(options) { super({ ...options, sampleRate: %d }); }
};
"""
RECORDER = """
const source = `registerProcessor("recorder", class extends AudioWorkletProcessor {
    process([[samples]]) { if (samples) this.port.postMessage(samples.slice()); return true; }
})`;
const module = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
window.heard = [];
const { addModule } = AudioWorklet.prototype, { connect } = AudioNode.prototype;
AudioWorklet.prototype.addModule = async function (url) {
    await addModule.call(this, module);
    return addModule.call(this, url);
};
AudioNode.prototype.connect = function (to, ...rest) {
    if (to instanceof AudioDestinationNode) {
        const recorder = new AudioWorkletNode(to.context, "recorder");
        recorder.port.onmessage = ({ data }) => heard.push(data);
        connect.call(this, recorder);
        window.contextRate = to.context.sampleRate;
    }
    return connect.call(this, to, ...rest);
};
"""


class Page:
    """A page, what it complains of, and what a user does and sees."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.said: list[dict[str, Any]] = []
        page.on("console", lambda m: m.type == "error" and self.complaints.append(m.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("websocket", lambda ws: ws.on("framereceived", self._hear))

    def _hear(self, data: str | bytes) -> None:
        if isinstance(data, str):
            self.said.append(json.loads(data))

    def text(self, name: str) -> str:
        return str(self.page.inner_text(f"#{name}"))

    def until(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not true():
            assert time.monotonic() < end, (self.text("state"), self.text("trouble"))
            self.page.wait_for_timeout(30)

    def connect(self) -> None:
        self.page.click("#connect")
        self.until(lambda: self.text("connect") == "Disconnect")

    def speak(self, text: str = "Hello.") -> None:
        self.page.fill("#text", text)
        self.page.click("#start")

    def until_spoken(self) -> None:
        self.until(lambda: self.text("state").startswith("Spoken"))

    @property
    def samples(self) -> int:
        """How many it says that it has played, at the rate of the device."""
        return int(self.page.get_attribute("#played", "data-samples"))

    @property
    def rate(self) -> int:
        return int(self.page.evaluate("contextRate"))

    def heard(self) -> np.ndarray:
        self.page.wait_for_timeout(200)
        return np.array(self.page.evaluate("heard.flatMap((block) => [...block])"), np.float32)


@pytest.fixture
def visit(chromium: Any) -> Iterator[Callable[..., Page]]:
    """Open the page at an address. `rate`: of the device. `record`: what is played; the page's
    policy is off then. Nothing may be complained of, and nobody else be asked for anything."""
    opened = []

    def visit(
        url: str, rate: int = 48_000, record: bool = False, script: str = "", **more: Any
    ) -> Page:
        still = {"reduced_motion": "reduce"} | more  # leaves the processor to the sound
        context = chromium.new_context(bypass_csp=record, **still)
        context.add_init_script(FORCED % rate + (RECORDER if record else "") + script)
        page = Page(context.new_page())
        page.page.goto(url)
        opened.append((context, page, url))
        return page

    yield visit
    for context, page, url in opened:
        context.close()
        assert page.complaints == []
        assert all(asked.startswith((url.split("?")[0], "blob:")) for asked in page.asked)


STATUS = {"type": "status", "state": "ok", "model_path": "fake", "voices": ["ann", "bob"]}


class Fake:
    """A server that serves the page, and answers a `start` by `talk`."""

    def __init__(self, talk: Talk, status: dict[str, Any]) -> None:
        self.messages: list[dict[str, Any]] = []
        self._talk = talk
        self._status = status

    async def answer(self, ws: WebSocket) -> None:
        await ws.accept()
        talking: asyncio.Future[None] | None = None
        try:
            while True:
                message = json.loads(await ws.receive_text())
                self.messages.append(message)
                if message["type"] == "get_status":
                    await ws.send_json(self._status)
                elif message["type"] == "start":
                    talking = asyncio.ensure_future(self._talk(ws, message))
                elif talking:
                    talking.cancel()
                    await ws.send_json({"type": "stream_stopped", "session_id": "1"})
        except WebSocketDisconnect:
            if talking:
                talking.cancel()


@contextmanager
def fake(talk: Talk, **status: Any) -> Iterator[tuple[str, Fake]]:
    served = Fake(talk, STATUS | status)
    app = Starlette(routes=[*pages.routes(), WebSocketRoute("/ws", served.answer)])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/", served
    finally:
        server.force_exit = server.should_exit = True
        thread.join(10)


def saying(*parts: bytes | float) -> Talk:
    """Send these frames, with so many seconds between them."""

    async def talk(ws: WebSocket, _: dict[str, Any]) -> None:
        await ws.send_json({"type": "stream_started", "session_id": "1"})
        for part in parts:
            if isinstance(part, bytes):
                await ws.send_bytes(part)
            else:
                await asyncio.sleep(part)
        await ws.send_json({"type": "stream_complete", "session_id": "1", "seconds": 0})

    return talk


def test_it_speaks_as_long_as_the_server_says(visit: Callable[..., Page]) -> None:
    with running() as server:
        page = visit(server.http + "/", record=True)
        page.connect()
        assert page.text("model") == "starter"
        page.page.select_option("#voice", "rms")
        page.page.fill("#buffer", "3")
        page.speak("Good morning to you.")
        page.until_spoken()
        told = next(said for said in page.said if said["type"] == "stream_complete")
        begun = next(said for said in page.said if said["type"] == "stream_started")
        assert begun["voice"] == "rms"
        assert page.samples == told["samples"] * 2  # 24 to 48 kHz
        heard = page.heard()
        spoken = np.flatnonzero(np.abs(heard) > 1e-3)
        assert 0.4 < (spoken[-1] - spoken[0]) / page.rate <= told["seconds"]
        assert np.sqrt(np.mean(heard[spoken[0] : spoken[-1]] ** 2)) > 0.01
        assert page.text("underflows") == "0"
        assert page.text("first").endswith(" s")


@pytest.mark.parametrize(
    ("source", "device"),
    [(24_000, 48_000), (24_000, 44_100), (48_000, 22_050), (24_000, 24_000), (8_000, 96_000)],
)
def test_what_is_heard_is_what_was_sent(
    source: int, device: int, visit: Callable[..., Page]
) -> None:
    sound = (
        SPEECH[:RATE] if source >= RATE else np.sin(np.arange(8_000) ** 2 * 1e-4).astype("f4") / 2
    )
    with fake(saying(*frames(sound, source), pcm0(np.zeros(0), source))) as (url, _):
        page = visit(url, device, record=True)
        page.connect()
        page.speak()
        page.until_spoken()
        assert page.rate == device
        assert page.samples == -(-len(sound) * device // source)
        resample = Resample(source, device, 1)
        expected = np.append(resample.push(sound.reshape(-1, 1)).ravel(), resample.flush().ravel())
        heard = page.heard()
        at, difference = place(heard, expected[200:-200])
        assert difference < 3e-3
        assert not heard[: at - 400].any()


def test_a_change_of_rate_and_two_channels(visit: Callable[..., Page]) -> None:
    stereo = np.stack([SPEECH[:RATE], -SPEECH[:RATE]], axis=1)
    parts = [pcm0(SPEECH[:RATE]), pcm0(np.repeat(stereo, 2, axis=0).ravel(), 2 * RATE, 2), END]
    with fake(saying(*parts)) as (url, _):
        page = visit(url, record=True)
        page.connect()
        page.page.fill("#buffer", "3")  # a machine that is late is not what is tested
        page.speak()
        page.until_spoken()
        assert page.samples == 4 * RATE
        assert place(page.heard(), np.repeat(SPEECH[:RATE], 2))[1] < 0.1
        assert page.text("underflows") == "0"


def test_starvation_is_counted_and_nothing_is_lost(visit: Callable[..., Page]) -> None:
    half = RATE // 2
    with fake(saying(pcm0(SPEECH[:half]), 2.0, pcm0(SPEECH[half:RATE]), END)) as (url, _):
        page = visit(url, RATE, record=True)
        page.connect()
        page.speak()
        page.until_spoken()
        assert page.text("underflows") == "1"
        assert page.samples == RATE
        heard = page.heard()
        one, two = place(heard, SPEECH[:half]), place(heard, SPEECH[half + 128 : RATE])
        assert max(one[1], two[1]) < 1e-6
        gap = heard[one[0] + half + RATE // 50 : two[0] - 200]
        assert len(gap) > RATE // 2
        assert not np.any(np.abs(gap) > 0.02)
        step = np.abs(np.diff(heard)).max()
        assert step < 2 * np.abs(np.diff(SPEECH)).max()  # no click


def test_it_is_not_over_before_all_was_played(visit: Callable[..., Page]) -> None:
    """Though what has been sent reaches the thread that plays only later."""
    late = """
        const { postMessage } = MessagePort.prototype;
        MessagePort.prototype.postMessage = function (...sent) {
            setTimeout(() => postMessage.apply(this, sent), 500);
        };
    """
    with fake(saying(pcm0(SPEECH[:8_000]), END)) as (url, _):
        page = visit(url, RATE, script=late)
        page.connect()
        page.speak()
        page.until_spoken()
        assert page.samples == 8_000


def test_silence_between_utterances_is_no_underflow(visit: Callable[..., Page]) -> None:
    with fake(saying(pcm0(SPEECH[:4_000]), END, 1.0, pcm0(SPEECH[:4_000]), END)) as (url, _):
        page = visit(url, RATE)
        page.connect()
        page.speak()
        page.until_spoken()
        assert page.text("underflows") == "0"
        assert page.samples == 8_000


def test_the_buffer_is_filled_before_playing_begins(visit: Callable[..., Page]) -> None:
    parts = [
        part for at in range(8) for part in (pcm0(SPEECH[at * 6_000 : at * 6_000 + 6_000]), 0.25)
    ]
    with fake(saying(*parts, END)) as (url, _):
        firsts = []
        page = visit(url, RATE)
        page.connect()
        for seconds in ("0.05", "1.25"):
            page.page.fill("#buffer", seconds)
            page.speak()
            page.until_spoken()
            firsts.append(float(page.text("first").split()[0]))
        assert page.samples == len(SPEECH)
    assert firsts[0] < 0.75  # a quarter of a second is sent at once
    assert firsts[1] >= 1  # and the fifth after a second


def test_stop_and_start_again(visit: Callable[..., Page]) -> None:
    with fake(saying(pcm0(np.tile(SPEECH, 5)), 60.0)) as (url, served):
        page = visit(url, RATE, record=True)
        page.connect()
        page.speak()
        page.until(lambda: page.text("state") == "Speaking")
        page.page.click("#stop")
        page.until(lambda: page.text("state") == "Stopped")
        before = len(page.heard())
        page.page.wait_for_timeout(300)
        assert not np.any(np.abs(page.heard()[before:]) > 1e-6)
        page.speak("Again.")
        page.until(lambda: page.text("state") == "Speaking")
        said = [message for message in served.messages if message["type"] != "get_status"]
        assert [message["type"] for message in said] == ["start", "stop_stream", "start"]
        assert said[2] == {"type": "start", "text": "Again.", "voice": "ann"}


def test_a_speed_where_the_model_has_it(visit: Callable[..., Page]) -> None:
    with fake(saying(pcm0(SPEECH[:8_000]), END), speeds=[0.5, 2]) as (url, server):
        page = visit(url, RATE)
        assert page.page.is_hidden("#speed")
        page.connect()
        page.page.focus("#speed")
        for _ in range(4):
            page.page.keyboard.press("ArrowRight")
        assert page.text("times") == "1.20 \u00d7"
        page.speak()
        page.until_spoken()
        assert server.messages[-1]["speed"] == 1.2
    with fake(saying(pcm0(SPEECH[:8_000]), END), speeds=None) as (url, server):
        page = visit(url, RATE)
        page.connect()
        assert page.page.is_hidden("#speed")
        page.speak()
        page.until_spoken()
        assert "speed" not in server.messages[-1]


def test_no_foreign_name_leads_to_it(chromium: Any) -> None:
    """A page elsewhere whose name is made to lead here, as DNS rebinding does."""
    flags = ["--headless", "--no-sandbox", "--host-resolver-rules=MAP foreign.test 127.0.0.1"]
    browser = chromium.browser_type.launch(executable_path=CHROMIUM, args=flags)
    attempt = """() => new Promise((done) => {
        const ws = new WebSocket(`ws://${location.host}/ws`);
        ws.onopen = () => done(true);
        ws.onerror = () => done(false);
    })"""
    try:
        with running("--no-preload") as server:
            port = server.address.rpartition(":")[2]
            for name, let_in in (("localhost", True), ("foreign.test", False)):
                page = browser.new_page()
                answer = page.goto(f"http://{name}:{port}/")
                assert answer.status == (200 if let_in else 403)
                assert page.evaluate(attempt) == let_in
    finally:
        browser.close()


def test_the_keyboard_is_enough(visit: Callable[..., Page]) -> None:
    with fake(saying(pcm0(np.tile(SPEECH, 5)), 60.0)) as (url, served):
        page = visit(url)
        keys = page.page.keyboard
        keys.press("Tab")
        assert page.page.evaluate("document.activeElement.id") == "connect"
        keys.press("Enter")
        page.until(lambda: page.text("state") == "Ready")
        order = []
        for _ in range(4):
            keys.press("Tab")
            order.append(page.page.evaluate("document.activeElement.id"))
        assert order == ["text", "voice", "buffer", "start"]
        page.page.focus("#text")
        keys.press("Control+End")
        keys.type(" And more.")
        keys.press("Control+Enter")
        page.until(lambda: page.text("state") == "Speaking")
        assert served.messages[-1]["text"].strip().endswith("And more.")
        keys.press("Escape")
        page.until(lambda: page.text("state") == "Stopped")


def test_what_goes_wrong_is_said(visit: Callable[..., Page]) -> None:
    async def refuse(ws: WebSocket, message: dict[str, Any]) -> None:
        if message["text"] == "go":
            await ws.close(1011)
            return
        busy = {
            "type": "error",
            "code": "busy",
            "message": "all rows are in use",
            "retry_after": 1.2,
        }
        await ws.send_json(busy)

    with fake(refuse) as (url, _):
        page = visit(url)
        page.connect()
        page.speak()
        page.until(lambda: bool(page.text("trouble")))
        assert page.text("trouble") == "All rows are in use. Try again in 2 s."
        assert page.page.is_enabled("#start")
        page.speak("go")
        page.until(lambda: page.text("state") == "Not connected")
        assert page.text("trouble") == "The connection is lost."
        assert page.page.is_disabled("#start")
        page.connect()
        assert page.text("trouble") == ""


def test_a_token_that_is_missing_and_a_server_that_has_gone(
    visit: Callable[..., Page], tmp_path: Path
) -> None:
    token = ("--token-file", write(tmp_path / "token", "s+cret"))
    with running("--no-preload", *token) as server:
        page = visit(server.http + "/")
        page.page.click("#connect")
        page.until(lambda: "?token=" in page.text("trouble"))
        page.page.goto(server.http + "/?token=s%2Bcret")
        page.connect()
        assert page.text("trouble") == ""
        server.process.kill()
        page.until(lambda: page.text("trouble") == "The connection is lost.")
        page.page.click("#connect")
        page.until(lambda: page.text("trouble").startswith("The server is not there"))
    page.complaints.clear()  # the browser's own, of both


def test_what_was_not_spoken_is_said(visit: Callable[..., Page]) -> None:
    async def talk(ws: WebSocket, message: dict[str, Any]) -> None:
        await ws.send_json({"type": "stream_started", "session_id": "1"})
        await ws.send_bytes(pcm0(SPEECH))
        told = {"left_out": ["<bar>", "<foo>"], "truncated": message["text"] == "cut"}
        await ws.send_json({"type": "stream_complete", "session_id": "1", "seconds": 1, **told})

    with fake(talk) as (url, _):
        page = visit(url)
        page.connect()
        unknown = "Left out, since the model does not know it: <bar>, <foo>"
        for text, trouble in (("whole", unknown), ("cut", f"The text was cut short: .* {unknown}")):
            page.speak(text)
            page.until_spoken()
            assert re.fullmatch(trouble, page.text("trouble"))


def test_a_broadcast_is_heard_at_once(visit: Callable[..., Page]) -> None:
    with station("--no-pace", "--wait") as server:
        page = visit(server.http + "/", RATE, record=True)
        page.connect()
        assert page.page.is_hidden("#text")
        page.until(lambda: page.text("state") == "Waiting for sound")
        tell(server, *frames(SPEECH), END)
        assert server.process.stdin
        server.process.stdin.close()
        page.until(lambda: page.text("state") == "The broadcast is over")
        assert page.samples == len(SPEECH)
        assert place(page.heard(), SPEECH)[1] < 1e-6
        assert server.process.wait(60) == 0
        page.until(lambda: page.text("connect") == "Connect")


def canvas(page: Page) -> bytes:
    return bytes(page.page.locator("#orb").screenshot())


def test_the_pearl_moves_unless_it_should_not(visit: Callable[..., Page]) -> None:
    with fake(saying()) as (url, _):
        for motion, moves in (("no-preference", True), ("reduce", False)):
            page = visit(url, reduced_motion=motion)
            page.page.wait_for_timeout(500)
            before = canvas(page)
            assert len(set(before)) > 100
            page.page.wait_for_timeout(700)
            assert (canvas(page) != before) == moves


def test_without_webgl_there_is_no_pearl_and_no_harm(visit: Callable[..., Page]) -> None:
    with fake(saying(pcm0(SPEECH[:8_000]), END)) as (url, _):
        page = visit(url, RATE, script="HTMLCanvasElement.prototype.getContext = () => null;")
        assert page.page.is_hidden("#orb")
        page.connect()
        page.speak()
        page.until_spoken()
        assert page.samples == 8_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits(scheme: str, visit: Callable[..., Page]) -> None:
    names = ("connect", "text", "voice", "buffer", "seconds", "start", "stop", "underflows")
    names += ("speed", "times")
    model = "mlx-community/orpheus-3b-0.1-ft-4bit"
    with fake(saying(), model_path=model, speeds=[0.5, 2]) as (url, _):
        page = visit(url, color_scheme=scheme)
        page.connect()
        for width in (320, 390, 820, 1280):
            page.page.set_viewport_size({"width": width, "height": 800})
            assert page.page.evaluate("document.documentElement.scrollWidth") <= width
            for name in names:
                box = page.page.locator(f"#{name}").bounding_box()
                assert box["x"] >= 0
                assert box["x"] + box["width"] <= width
        assert contrast(page, "body") > 10
        assert contrast(page, "#model") > 4.5
        assert contrast(page, "#start") > 7


def contrast(page: Page, selector: str) -> float:
    """Of text and what is behind it, as WCAG has it."""
    colours = page.page.evaluate(
        """(selector) => {
            let element = document.querySelector(selector);
            const colour = getComputedStyle(element).color;
            const behind = (e) => getComputedStyle(e).backgroundColor;
            while (behind(element) === "rgba(0, 0, 0, 0)") element = element.parentElement;
            const numbers = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
            return [colour, behind(element)].map(numbers);
        }""",
        selector,
    )
    lights = []
    for colour in colours:
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
            for c in np.array(colour) / 255
        ]
        lights.append(float(np.dot(linear, [0.2126, 0.7152, 0.0722])) + 0.05)
    return max(lights) / min(lights)
