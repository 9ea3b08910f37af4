"""Benchmarks, in small shapes: that they run and count what they say."""

from collections.abc import Callable

import pytest

from mlxtts import caches
from mlxtts.nn import mx
from tests import kokoro as weights
from tests import weights as mimi_weights
from tests.bench import kokoro, load, mimi, models, orpheus, peers, streams


def rows(printed: str) -> list[list[str]]:
    lines = [line for line in printed.splitlines() if line.startswith("|") and "---" not in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_rates_and_first_sounds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orpheus, "FRAMES", 4)
    monkeypatch.setattr(orpheus, "ROUNDS", 1)
    monkeypatch.setattr(models, "has_mlx_audio", lambda: False)
    orpheus.main(["tiny"], (1, 3))
    head, tiny, starter, first, sound = rows(capsys.readouterr().out)
    assert head[1:3] == ["1 rows", "3 rows"]
    assert float(tiny[2]) > float(starter[2]) > 0
    assert first[1:3] == ["first=0", "exact"]
    assert 0 < float(sound[1]) < float(sound[2]) * 2


def test_decoding_in_chunks(capsys: pytest.CaptureFixture[str]) -> None:
    mimi.main(mimi_weights.MIMI_SMALL)
    head, found, speed = rows(capsys.readouterr().out)
    assert head[1:4] == ["in one go", "4 at a time", "1 at a time"]
    assert float(found[3]) > 0
    assert float(speed[1]) > 0


def test_streams_come_and_go(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LENGTHS", (2, 6))
    monkeypatch.setattr(caches, "MANY", 3)
    monkeypatch.setattr(caches, "expect", lambda rows: None)
    monkeypatch.setattr(streams.multiprocessing, "get_context", lambda kind: InThisProcess())
    streams.main("tiny", (3, 2), length=3.0)
    _, few, many = rows(capsys.readouterr().out)
    assert few[0] == "2"
    assert many[0] == "3"
    assert int(few[1]) > 2


class InThisProcess:
    """A context of multiprocessing without processes."""

    def Pool(self, *args: object, **options: object) -> "InThisProcess":  # noqa: N802
        return self

    def __enter__(self) -> "InThisProcess":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def apply(self, run: Callable[..., object], arguments: tuple[object, ...]) -> object:
        return run(*arguments)


def test_quantised_weights_are_smaller() -> None:
    raw = models.SHAPES["tiny"] | {"hidden_size": 64, "intermediate_size": 64, "head_dim": 64}
    arrays = models.tensors(raw, mx.bfloat16)
    packed = models.quantised(arrays, models.Packing(32, 4))
    assert models.size(packed) < models.size(arrays) / 2
    model = models.ours(raw, packed, models.Packing(32, 4))
    assert orpheus.rate(model, 2, frames=9) > 0


def test_a_listener_who_waits() -> None:
    listener = streams.Listener(1.0)
    for now in (1.5, 1.6, 2.0):
        listener.hear(0.2, now)
    assert listener.wait == 0.5
    assert round(listener.late, 6) == 0.1
    assert round(listener.factor, 6) == 1.2


def test_kokoro(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kokoro, "ROUNDS", 1)
    monkeypatch.setattr(kokoro, "SYSTEMS", {"mlxtts": kokoro.SYSTEMS["mlxtts"]})
    kokoro.main(("həlˈO.", "həlˈO.", "həlˈO.", "ˈA.|ˈO."), weights.SMALL)
    head, mine = rows(capsys.readouterr().out)
    assert len(mine) == len(head) == 7
    assert all(float(cell) > 0 for cell in mine[1:])


def test_what_clients_found() -> None:
    assert load.figures([(1.0, 2.0), (3.0, 1.0)], 100, 5) == [2, 2.98, 1.5, 1, 0.5, 100, 5]
    assert load.figures([(1.0, 2.0)], 100, 5) == [1, 1, 2, 2, 1, 100, 5]


def test_servers_beside_each_other(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """mlx-audio's where it is installed; that streams are whole they look to themselves."""
    monkeypatch.setattr(peers, "FRAMES", 3)
    monkeypatch.setattr(peers, "ROUNDS", 1)
    monkeypatch.setattr(peers, "LOADS", dict.fromkeys(peers.LOADS, (1, 2)))
    small = {"hidden_size": 64, "intermediate_size": 64, "num_attention_heads": 1}
    monkeypatch.setattr(peers, "LLAMA", peers.LLAMA | small)
    peers.main()
    printed = capsys.readouterr().out
    head, *found = rows(printed)
    names = [peers.OURS] if "Without" in printed else [*peers.LOADS]
    assert [row[:2] for row in found] == [[name, n] for name in names for n in ("1", "2")]
    for row in found:
        figures = dict(zip(head[2:], map(float, row[2:]), strict=True))
        assert 0 < figures["first audio, s: p50"] <= figures["p99"] <= figures["s in all"] + 0.1
        assert 0 < figures["slowest"] <= figures["times real time: mean"]
        assert 0 < figures["slowest / fastest"] <= 1


def test_load_as_on_a_gpu(capsys: pytest.CaptureFixture[str]) -> None:
    load.main("tiny", ((2, 2), (1, 1)))
    found = [line.split("|")[1].strip() for line in capsys.readouterr().out.splitlines()[2:]]
    assert found == ["2 on 2 rows", "1 on 1 rows"]
