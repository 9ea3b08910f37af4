"""How near a quantised model is to its source."""

import math
from pathlib import Path

import numpy as np
import pytest

from mlxtts.engine import Speaker
from mlxtts.engine.fidelity import Reading, _compare
from mlxtts.errors import TextError
from mlxtts.nn import mx
from mlxtts.nn.sampling import Sampling
from mlxtts.text.lines import Utterance
from mlxtts.wire.tokens import Codes


def test_the_divergence_of_two_answers() -> None:
    p, q = [0.5, 0.25, 0.25], [0.25, 0.5, 0.25]
    same = [1.0, 1e-9, 1e-9]
    fidelity = _compare([mx.log(mx.array([p, same]))], [mx.log(mx.array([q, same]))])
    nats = sum(x * math.log(x / y) for x, y in zip(p, q, strict=True))
    assert abs(fidelity.divergence - nats / 2) < 1e-6
    assert (fidelity.agreement, fidelity.tokens) == (0.5, 2)


def test_what_is_expected_is_what_is_drawn() -> None:
    """Given the codes that are each the likeliest after those before, a model expects just those,
    and the end after them."""
    speaker = Speaker("starter")
    engine = speaker.load()
    engine.add(speaker.request(Utterance("1", "Good morning."), sampling=Sampling(temperature=0)))
    records = [record for record in engine.run() if isinstance(record, Codes)]
    frames = [record.codes for record in records]
    assert len(frames) > 5
    slots = speaker.model.expectations(records[0].text, "slt", frames)
    np.testing.assert_allclose(np.exp(np.array(slots[1])).sum(-1), 1, atol=1e-4)
    likeliest = [np.array(mx.argmax(slot, axis=-1)).tolist() for slot in slots]
    assert likeliest[0].pop() == 1024
    assert np.array(likeliest).T.tolist() == [list(frame) for frame in frames]


def test_a_model_is_its_own_equal(model_folder: Path) -> None:
    fidelity = Reading(str(model_folder), "Go. Stay.").compare(str(model_folder))
    assert (fidelity.divergence, fidelity.agreement) == (0, 1)
    assert fidelity.tokens > 2 * 7


@pytest.mark.parametrize("text", ["", "...", "🎉"])
def test_nothing_to_read(text: str) -> None:
    with pytest.raises(TextError):
        Reading("starter", text)
