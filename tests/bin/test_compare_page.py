"""The report of mlxtts-compare in a headless Chromium: its pictures, players and keys."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import environment, needs_chromium

pytestmark = needs_chromium()

TEXT = 'So "5 < 6 & 7" </blockquote>.'
NAMES = ["normal", "streaming", "processed", "callback", "early"]
PLAY = {"x": 20, "y": 17}  # the button of Chromium's own controls
SPEAKER = {"x": -58, "y": 17}  # that which mutes, from the right


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    command = ["mlxtts-compare", TEXT]
    subprocess.run(command, cwd=folder, env=environment(), check=True, capture_output=True)
    return folder / "comparison.html"


class Page:
    """A report, and what is done with it and heard of it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[object] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(error))
        page.on("request", lambda request: self.asked.append(request.url))

    @property
    def chosen(self) -> str:
        """The numbers of the takes that are marked."""
        return "".join(self.page.locator("section.on h3 .key").all_inner_texts())

    def until_playing(self, number: str) -> None:
        """Wait until this plays, and is marked, and no other; or until none plays."""
        playing = "takes.map((take, n) => take.audio.paused ? '' : n + 1).join('')"
        marked = "takes.every(take => take.audio.paused || take.node.matches('.on'))"
        self.page.wait_for_function(f"{playing} === {number!r} && {marked}")

    def player(self, number: int) -> Any:
        return self.page.locator("audio").nth(number - 1)

    def loop(self) -> None:
        """No take shall end while a test on a slow machine looks at it."""
        self.page.evaluate("takes.forEach(take => take.audio.loop = true)")


@pytest.fixture
def visit(chromium: Any, report: Path) -> Iterator[Callable[..., Page]]:
    """Open the report, of which nothing may be complained and which may ask for nothing."""
    opened = []

    def visit(width: int = 1280, scheme: str = "light") -> Page:
        size = {"width": width, "height": 800}
        context = chromium.new_context(color_scheme=scheme, viewport=size)
        context.set_default_timeout(120_000)
        page = Page(context.new_page())
        opened.append((context, page))
        page.page.goto(report.as_uri())
        page.page.wait_for_function("takes.every(take => take.audio.duration > 0.5)")
        return page

    yield visit
    for context, page in opened:
        context.close()
        assert page.complaints == []
        assert [url for url in page.asked if not url.startswith("data:")] == [report.as_uri()]


class Parser(HTMLParser):
    """What a page refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for key, value in attrs if key in ("src", "href")]


def test_it_is_whole(report: Path, visit: Callable[..., Page]) -> None:
    sources = Parser(report.read_text()).sources
    assert all(source.startswith(("data:", "#")) for source in sources)
    page = visit().page
    assert page.inner_text("blockquote") == TEXT
    names = page.locator("h3").all_inner_texts()
    assert names == [f"{n}{name}" for n, name in enumerate(NAMES, 1)]
    assert page.locator("audio").count() == len(NAMES)
    assert (
        page.evaluate("[...document.images].map(image => image.naturalWidth > 100)") == [True] * 5
    )


def test_each_plays_and_pauses_by_click(visit: Callable[..., Page]) -> None:
    page = visit()
    page.loop()
    for number in range(1, len(NAMES) + 1):
        page.player(number).click(position=PLAY)
        page.until_playing(str(number))
        page.page.wait_for_function("current.audio.currentTime > 0.05")
        assert page.chosen == str(number)
        if number % 2:  # the others are stopped by the next
            page.player(number).click(position=PLAY)
            page.until_playing("")


def test_each_plays_and_pauses_by_key(visit: Callable[..., Page]) -> None:
    page = visit()
    page.loop()
    keys = page.page.keyboard
    for number in range(1, len(NAMES) + 1):
        keys.press(str(number))
        assert page.chosen == str(number)
        keys.press(" ")
        page.until_playing(str(number))
        keys.press(" ")
        page.until_playing("")


def test_keys_faster_than_the_browser(visit: Callable[..., Page]) -> None:
    """A player says later that it plays, when it may have been paused and another chosen."""
    page = visit()
    page.loop()
    for key in "  2 ":
        page.page.keyboard.press(key)
    page.until_playing("2")
    page.page.evaluate("takes[0].audio.dispatchEvent(new Event('play'))")
    page.until_playing("2")
    assert page.chosen == "2"


def test_a_player_that_has_the_focus_takes_its_keys_itself(visit: Callable[..., Page]) -> None:
    """The space key plays it, and not the take that is marked; and it mutes on the loudspeaker."""
    page = visit()
    page.loop()
    page.player(3).focus()
    page.page.keyboard.press(" ")
    page.until_playing("3")
    assert page.chosen == "3"
    page.page.keyboard.press(" ")
    page.until_playing("")
    width = page.player(2).bounding_box()["width"]
    page.player(2).click(position=SPEAKER | {"x": width + SPEAKER["x"]})
    page.page.wait_for_function("takes[1].audio.muted")
    page.page.keyboard.press(" ")
    page.page.wait_for_function("!takes[1].audio.muted")
    page.until_playing("")


def test_takes_change_places_while_they_play(visit: Callable[..., Page]) -> None:
    page = visit()
    page.loop()
    page.page.evaluate("takes[0].audio.currentTime = 0.25")
    page.page.keyboard.press("3")
    assert page.chosen == "3"
    assert page.page.evaluate("current.audio.currentTime") == 0.25
    page.page.keyboard.press(" ")
    page.until_playing("3")
    page.page.keyboard.press("5")
    page.until_playing("5")
    assert page.chosen == "5"
    page.page.keyboard.press("9")  # there is none
    assert page.chosen == "5"


def test_a_click_into_a_picture_goes_there(visit: Callable[..., Page]) -> None:
    page = visit()
    track = page.page.locator(".track").nth(1)
    width = track.bounding_box()["width"]
    track.click(position={"x": width / 2, "y": 20})
    assert page.chosen == "2"
    ratio = "current.audio.currentTime / current.audio.duration"
    assert page.page.evaluate(ratio) == pytest.approx(0.5, abs=0.01)
    page.page.wait_for_function("Math.abs(parseFloat(takes[1].head.style.left) - 50) < 1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 820, 1280])
def test_it_fits(width: int, scheme: str, visit: Callable[..., Page]) -> None:
    """Nothing is wider than the screen, and no line of text runs into what is below it."""
    page = visit(width, scheme).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("section.take .none").count() > 0
    for box in page.locator("section.take, audio, .delivery svg").all():
        place = box.bounding_box()
        assert place["x"] >= 0
        assert place["x"] + place["width"] <= width
    high = "nodes => nodes.map(node => node.scrollHeight - node.clientHeight)"
    assert max(page.locator(".none, .track .label").evaluate_all(high)) <= 1
    light = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g)")
    assert (int(light[0]) > 128) == (scheme == "light")
