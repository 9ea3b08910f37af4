"""Token lines of Mimi as sound, by the real commands."""

from pathlib import Path

import numpy as np
import pytest

from mlxtts.codecs.mimi.codec import load
from mlxtts.nn.random import key
from mlxtts.wire import pcm0, tokens
from mlxtts.wire.tokens import Begin, Codes, End, Header
from tests import fakehub, mimi, weights
from tests.conftest import Run, error_of
from tests.fakehub import Hub

FRAMES = weights.mimi_codes(weights.MIMI_SMALL, 12)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return mimi.write(tmp_path / "small", weights.MIMI_SMALL, weights.mimi(weights.MIMI_SMALL))


def stream(*utterances: list[list[int]], path: str = "small") -> bytes:
    records = [Header("mimi", path, 24_000, "csm", "0", 7)]
    for n, frames in enumerate(utterances):
        records += [Begin(str(n)), *(Codes(str(n), tuple(c)) for c in frames), End(str(n), "stop")]
    return b"".join(map(tokens.encode, records))


def samples(data: bytes) -> list[np.ndarray]:
    """Those of each utterance."""
    reader, found = pcm0.Reader(), [[]]
    for frame in [*reader.feed(data), *(reader.close() or [])]:
        assert frame.rate == 24_000
        if frame.payload:
            found[-1].append(np.frombuffer(frame.payload, "<f4"))
        else:
            found.append([])
    assert not found.pop()
    return [np.concatenate(pieces) for pieces in found]


def test_frames_become_sound(run: Run, folder: Path) -> None:
    """The same sound whatever was said before."""
    done = run("mlxtts-decode", "--codec", "./small", stdin=stream(FRAMES, FRAMES[:3], FRAMES))
    assert (done.returncode, done.stderr) == (0, b"")
    first, second, third = samples(done.stdout)
    expected = np.array(load(folder).stream(key(0, "")).push(FRAMES))
    np.testing.assert_allclose(first, expected, atol=1e-5)
    np.testing.assert_allclose(second, expected[: 3 * 80], atol=1e-5)
    np.testing.assert_array_equal(first, third)


def test_it_streams_into_a_file(run: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "said.tokens").write_bytes(stream(FRAMES, path=str(folder)))
    done = run("mlxtts-decode --chunk-ms 10 said.tokens | mlxtts-wav -o said.wav")
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "said.wav").stat().st_size == 44 + 12 * 80 * 2


def test_it_is_found_by_its_name(online: Run, hub: Hub, folder: Path) -> None:
    """As the header of a stream has it, and as it is fetched."""
    hub.add("kyutai/mimi", fakehub.read(folder))
    assert online("mlxtts-fetch", "mimi").returncode == 0
    done = online("mlxtts-decode", "--offline", stdin=stream(FRAMES, path="mimi"))
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(samples(done.stdout)[0]) == 12 * 80


@pytest.mark.parametrize(
    ("codes", "reason"),
    [([1], "1 codes, where a frame has 2 to 5"), ([1, 2, 99], "code 99 is outside 0..31")],
)
def test_what_is_not_a_frame(run: Run, folder: Path, codes: list[int], reason: str) -> None:
    done = run("mlxtts-decode", stdin=stream([FRAMES[0], codes], path=str(folder)))
    assert done.returncode == 1
    assert error_of(done) == f"mlxtts-decode: stdin: line 4: {reason}"


def test_moshis_file_alone_is_a_codec(run: Run, tmp_path: Path) -> None:
    """It is opened, and found to be smaller than the published one."""
    tensors = mimi.moshi(weights.mimi(weights.MIMI_SMALL), weights.MIMI_SMALL)
    mimi.write(tmp_path / "moshi", {}, tensors)
    (tmp_path / "moshi" / "config.json").unlink()
    (tmp_path / "moshi" / "model.safetensors").rename(
        tmp_path / "moshi" / "tokenizer-1.safetensors"
    )
    done = run("mlxtts-decode", stdin=stream(FRAMES, path=str(tmp_path / "moshi")))
    assert done.returncode == 1
    assert "cluster_usage has shape (32,), not (2048,)" in error_of(done)
