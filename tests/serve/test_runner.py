"""The thread and its rows, with a model that speaks letters."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mlxtts.codecs.utterance import Options
from mlxtts.engine import Sound
from mlxtts.serve.runner import Event, Failed, Runner, Ticket
from mlxtts.wire.tokens import End
from tests.serve.fakes import Synthesis, request


class House:
    """A runner of such a model, and what has been heard of it."""

    def __init__(self, rows: int, load: Callable[[], Any] | None = None) -> None:
        self.synthesis = Synthesis()
        self.heard: list[Event] = []
        self.died: list[BaseException] = []
        self.runner = Runner(load or (lambda: self.synthesis), rows, self.died.append)

    def ask(self, id: str, text: str = "ab", going_on: bool = False) -> Ticket:
        ticket = Ticket(request(id, text), Options(), self.heard.append, going_on)
        self.runner.ask(ticket)
        return ticket

    async def steps(self, number: int) -> None:
        for _ in range(number):
            self.synthesis.go.release()
        await until(lambda: self.synthesis.go._value == 0)
        await asyncio.sleep(0.02)

    def ends(self) -> list[str]:
        return [event.id for event in self.heard if isinstance(event, End)]


async def until(true: Callable[[], bool]) -> None:
    async def wait() -> None:
        while not true():
            await asyncio.sleep(0.002)

    await asyncio.wait_for(wait(), 30)


def play(rows: int, scene: Callable[[House], Awaitable[None]], **options: Any) -> House:
    async def main() -> House:
        house = House(rows, **options)
        try:
            await scene(house)
        finally:
            house.synthesis.free = True
            house.synthesis.go.release(100)
            house.runner.close()
        return house

    return asyncio.run(main())


def test_a_request_from_one_thread_to_the_other_and_back() -> None:
    async def scene(house: House) -> None:
        house.synthesis.free = True
        house.ask("1", "abc")
        await until(lambda: bool(house.ends()))
        assert [type(event) for event in house.heard] == [Sound, Sound, Sound, End]
        assert house.runner.loaded.is_set()
        assert house.runner.speaking == 0

    house = play(2, scene)
    assert len(house.synthesis.threads) == 1
    assert threading.get_ident() not in house.synthesis.threads
    assert "model" not in [thread.name for thread in threading.enumerate()]


def test_who_goes_on_comes_before_who_begins() -> None:
    async def scene(house: House) -> None:
        house.synthesis.free = True
        runner = house.runner
        house.synthesis.free = False
        for name in ("1", "2", "3"):
            house.ask(name)
        house.ask("1b", going_on=True)
        assert (runner.speaking, runner.waiting, runner.line()) == (1, 2, 2)
        house.synthesis.free = True
        house.synthesis.go.release()
        await until(lambda: len(house.ends()) == 4)
        assert house.ends() == ["1", "1b", "2", "3"]
        assert (runner.speaking, runner.waiting, runner.line()) == (0, 0, None)

    assert play(1, scene).synthesis.most == 1


def test_who_gives_up_makes_room_at_once() -> None:
    async def scene(house: House) -> None:
        first, second = house.ask("1", "a" * 9), house.ask("2")
        third = house.ask("3", "abc")
        await house.steps(2)
        heard = len(house.heard)
        house.runner.cancel(second)
        house.runner.cancel(first)
        assert (house.runner.speaking, house.runner.waiting) == (1, 0)
        assert third.since
        house.synthesis.free = True
        house.synthesis.go.release()
        await until(lambda: "3" in house.ends())
        assert {event.id for event in house.heard[heard:]} == {"3"}
        house.runner.cancel(third)  # too late, and no harm

    assert play(1, scene).synthesis.most == 1


def test_who_comes_in_place_of_another_has_its_row_or_its_place() -> None:
    async def scene(house: House) -> None:
        line = house.runner.line
        first = house.ask("1")
        assert (line(), line(first)) == (0, None)
        second = house.ask("2")
        assert (line(), line(first), line(second)) == (1, 0, 0)
        going_on = house.ask("3", going_on=True)
        assert (line(), line(first), line(second), line(going_on)) == (1, 1, 0, 1)

    play(1, scene)


def test_what_the_model_refuses_concerns_nobody_else() -> None:
    async def scene(house: House) -> None:
        house.synthesis.free = True
        house.ask("1", "what?")
        house.ask("2")
        await until(lambda: bool(house.ends()))
        failed = [event for event in house.heard if isinstance(event, Failed)]
        assert [(event.id, str(event.error)) for event in failed] == [("1", "what?")]
        assert house.runner.speaking == 0
        assert not house.died

    play(2, scene)


@pytest.mark.parametrize("when", ["loading", "speaking"])
def test_a_thread_that_dies_is_told_of(when: str) -> None:
    def broken() -> None:
        raise MemoryError("no")

    async def scene(house: House) -> None:
        house.synthesis.free = True
        house.ask("1", "a!")
        await until(lambda: bool(house.died))
        assert house.runner.dead is house.died[0]
        assert type(house.died[0]) is (MemoryError if when == "loading" else RuntimeError)
        house.ask("2")
        await asyncio.sleep(0.05)
        assert house.heard == []

    play(1, scene, load=broken if when == "loading" else None)


def test_the_wait_grows_with_the_queue() -> None:
    async def scene(house: House) -> None:
        waits = []
        for number in range(6):
            waits.append(house.runner.wait)
            house.ask(str(number))
        assert waits == sorted(waits)
        assert 1 <= waits[0] < waits[-1]

    play(1, scene)
