"""Parity with transformers' Llama through golden tensors, and what Orpheus adds to a Llama."""

from pathlib import Path

import numpy as np
import pytest

from mlxtts import hub
from mlxtts.models.orpheus import Model, load
from mlxtts.models.orpheus.batch import Batch, Prompt
from mlxtts.models.orpheus.config import Config, Generation
from mlxtts.nn import loading, mx, rope, transformer
from mlxtts.nn.cache import Cache
from mlxtts.nn.random import key
from mlxtts.nn.sampling import Sampling, Settings
from mlxtts.nn.transformer import fuse, turn
from tests import weights
from tests.models.turns import said_in_turns

GOLDEN = np.load(Path(__file__).parents[2] / "golden" / "llama.npz")
PROMPT = GOLDEN["prompt"].tolist()
GREEDY = Sampling(temperature=0)


def build(**changes: object) -> Model:
    config = Config.parse(weights.ORPHEUS_SMALL | changes, Path("x"), Generation())
    model = Model(config)
    tensors = {name: mx.array(t) for name, t in weights.llama(weights.LLAMA_SMALL).items()}
    if not config.tie_word_embeddings:
        tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"]
    loading.load(model, fuse(turn(tensors, config.shape.head_dim)), Path("x"))
    return model


@pytest.fixture(scope="module")
def model() -> Model:
    return build()


def hidden(model: Model, tokens: list[int]) -> mx.array:
    return model.model(mx.array([tokens]), Cache(model.config.num_hidden_layers))[0]


def join(batch: Batch, prompt: list[int], sampling: Sampling, seed: int = 0) -> None:
    row = Prompt(batch.model, prompt, sampling, key(seed))
    while row.left:
        batch.read([(row, 8)])
    batch.join(row)


def speak(model: Model, prompt: list[int], sampling: Sampling, seed: int = 0) -> Batch:
    """A batch of one row."""
    batch = model.batch()
    join(batch, prompt, sampling, seed)
    return batch


def say(batch: Batch) -> list[int]:
    """The next codes of a batch of one row."""
    codes: list[list[int]] = batch.frame().codes.tolist()  # type: ignore[assignment]
    return codes[0]


def test_hidden_states_are_the_references(model: Model) -> None:
    np.testing.assert_allclose(np.array(hidden(model, PROMPT))[::9], GOLDEN["hidden"], atol=1e-3)


def test_greedy_codes_are_the_references(model: Model) -> None:
    speech = speak(model, PROMPT[:20], GREEDY)
    codes = [code for _ in range(30) for code in say(speech)]
    assert codes == GOLDEN["codes"].tolist()


@pytest.mark.parametrize("tied", [True, False])
def test_the_sliced_head_is_the_full_one_restricted(tied: bool) -> None:
    model = build(tie_word_embeddings=tied)
    last = hidden(model, PROMPT)[-1:]
    full = np.exp(GOLDEN["logits"].astype(np.float64))
    for slot in range(7):
        ids = [*range(64 + 64 * slot, 128 + 64 * slot), *([4] if slot == 0 else [])]
        sliced = np.exp(np.array(model.logits(last, slot))[0].astype(np.float64))
        expected = full[ids] / full[ids].sum()
        np.testing.assert_allclose(sliced / sliced.sum(), expected, rtol=1e-3)


def test_each_code_is_one_of_its_slot_and_goes_in_as_its_token(model: Model) -> None:
    speech = speak(model, PROMPT[:20], Sampling(temperature=2))
    tokens = PROMPT[:20]
    for _ in range(4):
        codes, ended = (drawn := speech.frame()).codes, drawn.ended
        assert not ended.item()
        said: list[int] = codes[0].tolist()  # type: ignore[assignment]
        assert all(0 <= code < 64 for code in said)
        tokens += [64 + 64 * slot + code for slot, code in enumerate(said)]
    following = say(speak(model, tokens, GREEDY))
    speech._settings = Settings([GREEDY])
    assert say(speech) == following


def test_speech_ends_where_the_model_says_so() -> None:
    model = build()
    model.model.embed_tokens.weight[4] = 100 * mx.sign(hidden(model, PROMPT)[-1])
    ended = [speak(model, PROMPT, GREEDY).frame().ended.item()]
    model.model.embed_tokens.weight[4] = -model.model.embed_tokens.weight[4]
    ended.append(speak(model, PROMPT, GREEDY).frame().ended.item())
    assert ended == [True, False]


def test_one_seed_one_speech(model: Model) -> None:
    def codes(seed: int) -> list[list[int]]:
        speech = speak(model, PROMPT[:9], Sampling(), seed)
        return [say(speech) for _ in range(5)]

    assert codes(1) == codes(1)
    assert codes(1) != codes(2)


def test_the_penalty_is_on_what_the_same_slot_has_said(model: Model) -> None:
    """With a penalty beyond all logits greedy speech never repeats a code in a slot."""
    speech = speak(model, PROMPT[:20], Sampling(temperature=0, repetition_penalty=10))
    frames = np.array([say(speech) for _ in range(30)])
    plain = GOLDEN["codes"].reshape(30, 7)
    distinct = [len(set(frames[:, slot])) for slot in range(7)]
    assert sum(distinct) > sum(len(set(plain[:, slot])) for slot in range(7))
    assert min(distinct) >= 28


def test_prompts() -> None:
    folder = hub.locate("starter")
    starter = load(folder, Config.read(folder))
    ids = starter.tokens("ab c.", "slt")
    char = {c: 5 + n for n, c in enumerate(" abcdefghijklmnopqrstuvwxyz',.?!;:-")}
    assert ids == [1, *(char[c] for c in "slt: ab c."), 2, 3]
    config = Config.parse(
        weights.ORPHEUS_SMALL | {"prompt_prefix": [9], "prompt_suffix": [7, 8]},
        folder,
        Generation(),
    )
    assert Model(config, starter.tokenizer).tokens("ab c.", "slt") == [9, *ids, 7, 8]


@pytest.mark.parametrize("gpu", [False, True])
def test_rows_of_a_batch_say_what_they_say_alone(
    model: Model, gpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows join and leave between frames; 300 steps each, of prompts of different lengths."""
    if gpu:
        monkeypatch.setattr(transformer, "on_cpu", lambda: False)
        monkeypatch.setattr(rope, "on_cpu", lambda: False)
    prompts = [PROMPT[:20], PROMPT[5:90], PROMPT[30:33], PROMPT[:60]]
    settings = [GREEDY, Sampling(0.9), GREEDY, Sampling(0.7, 9, 0.9, 0.01, 1.4)]
    alone = []
    for n, (prompt, sampling) in enumerate(zip(prompts, settings, strict=True)):
        speech = speak(model, prompt, sampling, n)
        alone.append([say(speech) for _ in range(43)])

    batch = model.batch()

    def begin(numbers: list[int]) -> None:
        for n in numbers:
            join(batch, prompts[n], settings[n], n)

    assert said_in_turns(batch, begin, {0: [0], 3: [1], 4: [2], 17: [3]}, 43) == alone
