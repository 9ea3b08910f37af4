"""The ring, the listeners' places in it, and the pace; no socket."""

import asyncio
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlxtts.errors import Pcm0Error
from mlxtts.serve import broadcast
from mlxtts.serve.broadcast import BehindError, Broadcast, Pace, duration, feed, pieces
from mlxtts.wire import pcm0
from mlxtts.wire.pcm0 import Frame

RATE = 8_000
END = Frame(RATE)


def frame(number: int, seconds: float = 0.1, rate: int = RATE) -> Frame:
    """A frame that tells its number."""
    return Frame(rate, struct.pack("<f", number) * round(seconds * rate))


def number(frame: Frame) -> float:
    return struct.unpack_from("<f", frame.payload)[0]


class Ear:
    """A listener who writes down what comes, and takes it when `open`."""

    def __init__(self) -> None:
        self.heard: list[Frame] = []
        self.open = asyncio.Event()
        self.open.set()

    async def take(self, frame: Frame) -> None:
        await self.open.wait()
        self.heard.append(frame)


def test_listeners_begin_at_the_next_frame_and_get_the_rest_at_the_end() -> None:
    async def main() -> None:
        station, early, late = Broadcast(), Ear(), Ear()
        tasks = [asyncio.ensure_future(station.listen().deliver(early.take))]
        for at in range(5):
            station.send(frame(at))
        assert station.sent == 5
        tasks.append(asyncio.ensure_future(station.listen().deliver(late.take)))
        assert station.listeners == 2
        for at in range(5, 8):
            station.send(frame(at))
        station.send(END)
        station.end()
        await asyncio.gather(*tasks)
        assert [number(f) for f in early.heard[:-1]] == [*range(8)]
        assert [number(f) for f in late.heard[:-1]] == [5, 6, 7]
        assert early.heard[-1] == late.heard[-1] == END
        assert station.listeners == 0
        await station.drained()

    asyncio.run(main())


def test_one_who_blinks_goes_on_and_one_who_sleeps_is_dropped() -> None:
    async def main() -> None:
        station, ears = Broadcast(ring=1.0), [Ear(), Ear(), Ear()]
        tasks = [asyncio.ensure_future(station.listen().deliver(ear.take)) for ear in ears]
        _, blinks, sleeps = ears
        blinks.open.clear()
        sleeps.open.clear()
        for at in range(100):
            station.send(frame(at))
            if at % 8 == 0:
                blinks.open.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            if at % 8 == 4:
                blinks.open.clear()
        blinks.open.set()
        station.end()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert done[:2] == [None, None]
        assert isinstance(done[2], BehindError)
        assert str(done[2]) == "more than 1 s behind"
        assert [number(f) for f in ears[0].heard] == [*range(100)]
        assert [number(f) for f in blinks.heard] == [*range(100)]
        assert sleeps.heard == []
        assert (station.dropped, station.listeners) == (1, 0)

    asyncio.run(main())


def test_one_who_is_dropped_is_dropped_while_it_hangs() -> None:
    async def main() -> None:
        station, ear = Broadcast(ring=1.0), Ear()
        ear.open.clear()
        task = asyncio.ensure_future(station.listen().deliver(ear.take))
        await asyncio.sleep(0)
        for at in range(12):
            station.send(frame(at))
        await asyncio.wait_for(asyncio.wait({task}), 5)
        assert isinstance(task.exception(), BehindError)

    asyncio.run(main())


def test_one_who_comes_back_goes_on_where_it_was() -> None:
    async def main() -> None:
        station = Broadcast(ring=1.0)
        for at in range(50):
            station.send(frame(at))
        assert station.listen(45).at == 45
        assert station.listen(station.first).at == station.first
        assert station.listen(station.first - 1).at == 50
        assert station.listen(51).at == 50
        assert station.listen(-1).at == 50

    asyncio.run(main())


def test_what_a_listener_raises_is_its_own() -> None:
    async def main() -> None:
        station, ear = Broadcast(), Ear()

        async def fail(_: Frame) -> None:
            raise ConnectionResetError

        tasks = [asyncio.ensure_future(station.listen().deliver(f)) for f in (fail, ear.take)]
        station.send(frame(0))
        station.end()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(done[0], ConnectionResetError)
        assert len(ear.heard) == 1

    asyncio.run(main())


def test_a_listener_who_is_cancelled_has_left() -> None:
    async def main() -> None:
        station, ear = Broadcast(), Ear()
        task = asyncio.ensure_future(station.listen().deliver(ear.take))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert station.listeners == 0

    asyncio.run(main())


@given(st.lists(st.sampled_from([0, 1, 10, 800, 4_000, 20_000]), max_size=60))
def test_the_ring_is_bounded(lengths: list[int]) -> None:
    async def main() -> None:
        station = Broadcast(ring=1.0)
        for length in lengths:
            station.send(Frame(RATE, b"\0" * 4 * length))
            held = [station.frame(at) for at in range(station.first, station.sent)]
            assert sum(map(duration, held[1:])) <= 1.0
        whole = sum(lengths) <= RATE
        assert not (whole and station.first)

    asyncio.run(main())


def test_marks_without_end_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcast, "FRAMES", 100)

    async def main() -> None:
        station = Broadcast()
        for _ in range(1_000):
            station.send(END)
        assert station.sent - station.first == 100

    asyncio.run(main())


@given(st.integers(0, 20_000), st.integers(1, 3), st.sampled_from([8_000, 24_000, 44_100]))
def test_long_frames_are_cut(samples: int, channels: int, rate: int) -> None:
    payload = bytes(range(256)) * (samples * channels * 4 // 256 + 1)
    whole = Frame(rate, payload[: samples * channels * 4], channels)
    cut = list(pieces(whole))
    assert b"".join(piece.payload for piece in cut) == whole.payload
    assert all((piece.rate, piece.channels) == (rate, channels) for piece in cut)
    assert all(duration(piece) <= broadcast.PIECE for piece in cut)
    assert (whole.is_end, len(cut) == 1) in [(True, True), (False, samples <= rate // 4)]


def test_the_pace_is_real_time() -> None:
    pace, now = Pace(), 1000.0
    for _ in range(100):
        now += pace.wait(0.1, now)
        now += 0.004  # it always wakes a little late
    assert now - 1000.0 == pytest.approx(9.9, abs=0.01)


def test_a_pause_of_the_source_is_not_caught_up_but_a_hiccup_is() -> None:
    pace = Pace()
    assert pace.wait(0.1, 50.0) == 0
    assert pace.wait(0.1, 50.6) == 0  # half a second late
    waits = [pace.wait(0.1, 50.6) for _ in range(6)]
    assert waits[:4] == [0, 0, 0, 0]
    assert waits[5] == pytest.approx(0.1)
    assert pace.wait(0.1, 80.0) == 0
    assert pace.wait(0.1, 80.0) == pytest.approx(0.1)


def fed(frames: Iterator[Frame], listen: bool = True, **more: object) -> tuple[Broadcast, Ear]:
    """What a broadcast makes of frames that come from a pipe."""

    async def main() -> tuple[Broadcast, Ear]:
        station, ear = Broadcast(), Ear()
        deliver: Callable[[Callable[[Frame], Awaitable[None]]], Awaitable[None]]
        deliver = station.listen().deliver
        loop = asyncio.get_running_loop()
        arguments = (station, frames, loop)
        threading.Thread(target=feed, args=arguments, kwargs=more, daemon=True).start()
        if listen:
            await deliver(ear.take)
        return station, ear

    return asyncio.run(main())


def test_a_pipe_is_fed() -> None:
    sent = [frame(at) for at in range(20)] + [END, Frame(16_000, b"\0" * 8), Frame(16_000)]
    station, ear = fed(iter(sent))
    assert ear.heard == sent
    assert station.error is None


def test_a_malformed_pipe_ends_the_broadcast_with_the_place() -> None:
    data = pcm0.encode(frame(1)) + b"what?"
    station, ear = fed(pcm0.Reader().read([data]))
    assert ear.heard == [frame(1)]
    assert isinstance(station.error, Pcm0Error)
    assert station.error.offset == len(data) - 5


def test_what_is_paced_takes_as_long_as_it_lasts() -> None:
    async def main() -> float:
        station, ear = Broadcast(), Ear()
        loop = asyncio.get_running_loop()
        start = loop.time()
        frames = iter([frame(at) for at in range(5)])
        threading.Thread(target=feed, args=(station, frames, loop, Pace()), daemon=True).start()
        await station.listen().deliver(ear.take)
        return loop.time() - start

    assert asyncio.run(main()) >= 0.4


def test_it_can_wait_for_a_listener() -> None:
    async def main() -> None:
        station, ear = Broadcast(), Ear()
        frames = iter([frame(0), frame(1)])
        arguments = (station, frames, asyncio.get_running_loop(), None, True)
        threading.Thread(target=feed, args=arguments, daemon=True).start()
        await asyncio.sleep(0.1)
        assert station.sent == 0
        await station.listen().deliver(ear.take)
        assert [number(f) for f in ear.heard] == [0, 1]

    asyncio.run(main())
