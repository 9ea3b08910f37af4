"""A batch as it runs on CUDA, with the kernels' doubles: rows say what they say on a CPU. The
kernels themselves are held against the doubles in tests/nn/test_cuda.py."""

import pytest

from mlxtts.errors import UsageError
from mlxtts.models import rows
from mlxtts.models.orpheus import Model
from mlxtts.models.orpheus.batch import Batch, Prompt
from mlxtts.nn import cuda, mx, slots, step, transformer
from mlxtts.nn.random import key
from mlxtts.nn.sampling import Sampling
from tests.models.orpheus.test_model import GREEDY, build
from tests.models.turns import said_in_turns
from tests.nn import doubles

PROMPTS = [[5, 6, 7], [8, 9, 10, 11, 12, 13, 14], list(range(20, 45)), [3, 4]]
SETTINGS = [GREEDY, Sampling(0.9), GREEDY, Sampling(0.7, 9, 0.9, 0.01, 1.4)]
FRAMES = 9


@pytest.fixture(scope="module")
def model() -> Model:
    return build()


@pytest.fixture
def as_on_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    names = "place turn add_rms_norm gate attend copy_row pack_row choose"
    for name in names.split():
        monkeypatch.setattr(cuda, name, getattr(doubles, name))
    for name in ("multiply_place", "multiply_gate", "multiply_add"):
        monkeypatch.setattr(step.alone, name, getattr(doubles, name))
    monkeypatch.setattr(cuda, "fits_packed", lambda *heads: True)  # of a small model
    for module in (rows, transformer):
        monkeypatch.setattr(module, "on_cuda", lambda: True)
        monkeypatch.setattr(module, "on_cpu", lambda: False)
    monkeypatch.setattr(mx, "compile", lambda run: run)
    monkeypatch.setattr(slots, "STEP", 8)
    step._compiled.cache_clear()
    step._compiled_alone.cache_clear()


def prompts(model: Model, chosen: list[int]) -> list[Prompt]:
    return [Prompt(model, PROMPTS[n], SETTINGS[n], key(n)) for n in chosen]


def alone(model: Model, n: int, bits: int = 16) -> list[list[int]]:
    speech = Batch(model, 1, bits)
    (prompt,) = prompts(model, [n])
    speech.read([(prompt, prompt.left)])
    speech.join(prompt)
    return [speech.frame().codes.tolist()[0] for _ in range(FRAMES)]  # type: ignore[index]


@pytest.fixture(scope="module")
def expected(model: Model) -> list[list[list[int]]]:
    return [alone(model, n) for n in range(len(PROMPTS))]


@pytest.mark.usefixtures("as_on_cuda")
def test_a_row_alone(model: Model, expected: list[list[list[int]]]) -> None:
    assert [alone(model, n) for n in range(len(PROMPTS))] == expected


@pytest.mark.usefixtures("as_on_cuda")
def test_a_row_alone_takes_a_way_of_its_own(
    model: Model, expected: list[list[list[int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(step.Steps, "_many")
    assert alone(model, 1) == expected[1]
    with pytest.raises(AttributeError):
        alone(model, 1, 8)


@pytest.mark.usefixtures("as_on_cuda")
def test_a_position_is_not_in_the_hosts_memory(model: Model) -> None:
    speech = Batch(model, 1)
    (prompt,) = prompts(model, [0])
    speech.read([(prompt, prompt.left)])
    speech.join(prompt)
    assert isinstance(speech._cache, slots.Slots)
    assert speech._cache.positions[:1].tolist() == [2]
    assert speech._cache.positions.nbytes > 8


@pytest.mark.usefixtures("as_on_cuda")
@pytest.mark.parametrize("bits", [16, 8])
def test_rows_come_and_go(model: Model, expected: list[list[list[int]]], bits: int) -> None:
    if bits == 8:
        expected = [alone(model, n, bits) for n in range(len(PROMPTS))]
    speech = Batch(model, 4, bits)

    def begin(numbers: list[int]) -> None:
        new = prompts(model, numbers)
        speech.read([(prompt, prompt.left) for prompt in new])
        for prompt in new:
            speech.join(prompt)

    assert said_in_turns(speech, begin, {0: [0, 1], 2: [2], 5: [3]}, FRAMES) == expected


@pytest.mark.usefixtures("as_on_cuda")
def test_a_prompt_read_in_pieces(model: Model, expected: list[list[list[int]]]) -> None:
    speech = Batch(model, 1)
    (prompt,) = prompts(model, [2])
    while prompt.left:
        speech.read([(prompt, 7)])
    speech.join(prompt)
    codes = [speech.frame().codes.tolist()[0] for _ in range(FRAMES)]  # type: ignore[index]
    assert codes == expected[2]


def test_heads_without_a_kernel_for_8_bits(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "on_cuda", lambda: True)
    with pytest.raises(UsageError, match="cache_bits 8: needs heads of 64 or 128 numbers"):
        Batch(model, 2, 8)
    assert cuda.fits_packed(24, 8, 128)
    assert not cuda.fits_packed(10, 2, 128)
