"""Who is spoken when, without a model."""

from mlxtts.engine.request import Request
from mlxtts.engine.scheduler import Job, Scheduler
from mlxtts.models import Frame
from mlxtts.nn.sampling import Sampling
from mlxtts.text.frontend import Segment
from mlxtts.wire.tokens import Begin, Codes, End


def job(name: str, *segments: str) -> Job:
    texts = tuple(map(Segment, segments or ("a",)))
    made = Job(Request(name, "text", texts, "slt", Sampling(), 0), 0.5)
    made.next_segment()
    return made


def scheduler(width: int, *names: str) -> tuple[Scheduler, list[Job]]:
    made = Scheduler(width)
    jobs = [job(name) for name in names]
    made.waiting.extend(jobs)
    return made, jobs


def test_first_come_first_served_while_there_is_room() -> None:
    s, (a, b, c) = scheduler(2, "a", "b", "c")
    assert [s.admit(), s.admit(), s.admit()] == [a, b, None]
    assert [s.join(), s.join()] == [a, b]
    assert (a.row, b.row) == (0, 1)
    assert s.admit() is None
    assert s.leave(a) == 0
    assert (a.row, b.row, s.rows) == (None, 0, [b])
    assert s.admit() is c
    assert not s.idle


def test_the_last_row_takes_the_place_of_one_that_leaves() -> None:
    s, jobs = scheduler(4, *"abcd")
    for _ in jobs:
        s.admit()
        s.join()
    a, b, c, d = jobs
    assert s.leave(b) == 1
    assert s.rows == [a, d, c]
    assert s.leave(c) == 2
    assert s.rows == [a, d]
    assert [x.row for x in jobs] == [0, None, None, 1]


def test_who_has_begun_goes_on_before_who_has_not() -> None:
    s, (a, b) = scheduler(2, "a", "b")
    s.admit()
    s.join()
    s.admit()
    s.leave(a)
    s.prepare_again(a)
    assert [s.join(), s.join()] == [a, b]


def test_a_job_counts_its_frames() -> None:
    a = job("a", "x", "y")
    a.limit(2)
    assert a.take(Frame((1,))) == Codes("a", (1,), "x")
    assert not a.full
    assert a.take(Frame((2,))) == Codes("a", (2,))
    assert a.full
    assert a.next_segment()
    a.limit(2)
    assert not a.full
    assert a.take(Frame((3,))) == Codes("a", (3,), "y", 0.5)
    assert not a.next_segment()
    assert a.end() == End("a", "stop")


def test_pauses_of_segments() -> None:
    """A pause of its own takes the place of the usual one, or is added to that of the utterance."""
    segments = Segment("x", 2.0), Segment("y", 3.0), Segment("z")
    a = Job(Request("a", "xyz", segments, "slt", Sampling(), 0, pause=0.25), 0.5)
    assert a.begin() == Begin("a", "xyz", 2.25)
    pauses = []
    while a.next_segment():
        a.limit(2)
        pauses += [a.take(Frame((1,))).pause, a.take(Frame((2,))).pause]
    assert pauses == [0.0, 0.0, 3.0, 0.0, 0.5, 0.0]


def test_no_pause_is_longer_than_token_lines_allow() -> None:
    a = Job(Request("a", "x", (Segment("x", 60.0),), "slt", Sampling(), 0, pause=5.0), 0.5)
    assert a.begin() == Begin("a", "x", 60.0)
