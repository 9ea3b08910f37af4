"""CSM from text to sound, with a small model and codec of random weights."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mlxtts.models.csm import Config
from tests import csm, mimi, weights
from tests.conftest import Run

BOOKS = weights.MIMI_SMALL["num_quantizers"]
CONFIG = csm.SMALL | {
    "num_codebooks": BOOKS,
    "codec_config": {"codebook_size": weights.MIMI_SMALL["codebook_size"]},
    "depth_decoder_config": csm.SMALL["depth_decoder_config"] | {"num_codebooks": BOOKS},
}
SAMPLES = 80  # of a frame of the small codec


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = csm.folder(tmp_path_factory.mktemp("csm") / "model", CONFIG)
    mimi.write(folder / "codec", weights.MIMI_SMALL, weights.mimi(weights.MIMI_SMALL))
    return folder


def test_a_pipeline(run: Run, model: Path) -> None:
    said = f"mlxtts-tokens -q --model {model} --voice 1 --max-tokens {9 * BOOKS}"
    tokens = run(f"printf 'one.\\ntwo.\\n' | {said} || test $? = 1").stdout
    head = json.loads(tokens.splitlines()[0])
    assert (head["codec"], head["codec_path"]) == ("mimi", str(model))
    frames = sum(b'"codes"' in line for line in tokens.splitlines())
    assert frames == 18
    done = run("mlxtts-decode | mlxtts-wav", stdin=tokens)
    assert done.returncode == 0, done.stderr
    samples, rate = soundfile.read(io.BytesIO(done.stdout))
    assert rate == head["rate"]
    assert len(samples) == frames * SAMPLES
    assert np.sqrt(np.mean(samples**2)) > 0.01


def test_several_at_a_time_say_the_same(run: Run, model: Path) -> None:
    lines = "printf 'one.\\ntwo.\\nthree.\\n'"
    command = f"{lines} | mlxtts-tokens -q --model {model} --max-tokens {5 * BOOKS}"
    one, many = (run(f"{command} {more} || test $? = 1").stdout for more in ("", "--width 3"))
    assert one == many
    assert one.count(b'"end"') == 3


def test_say(run: Run, model: Path) -> None:
    done = run(f"mlxtts-say --model {model} -v 0 -o out.wav hi; cat out.wav")
    assert done.stderr == b"mlxtts-say: text: line 1: cut short at the limit of tokens\n"
    samples, _ = soundfile.read(io.BytesIO(done.stdout))
    assert len(samples) == Config.read(model).frame_limit(len("hi")) * SAMPLES


def test_an_unknown_speaker(run: Run, model: Path) -> None:
    done = run(f"mlxtts-say --model {model} -v ann hi")
    assert done.returncode == 1
    assert done.stderr == b"mlxtts-say: voice 'ann': unknown; the voices are 0, 1\n"
