"""CSM: parity with transformers through golden tensors, its checkpoints, and rows of a batch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlxtts import models
from mlxtts.errors import ModelError
from mlxtts.models import rows
from mlxtts.models.csm import Config, Model, load
from mlxtts.models.csm.batch import Batch, Prompt
from mlxtts.models.csm.config import FLAVORS, LLAMA_3
from mlxtts.nn import mx, tree_flatten
from mlxtts.nn.cache import Cache
from mlxtts.nn.quantization import Packing
from mlxtts.nn.random import key
from mlxtts.nn.recipes import Manner
from mlxtts.nn.sampling import Sampling
from mlxtts.nn.transformer import Stack
from mlxtts.quantize import Source, quantize_model
from mlxtts.text.frontend import Segment
from tests import csm
from tests.conftest import Run
from tests.models.turns import said_in_turns

GOLDEN = np.load(Path(__file__).parents[2] / "golden" / "csm.npz")
TEXT = GOLDEN["text"].tolist()
GREEDY = Sampling(temperature=0)


def opened(folder: Path) -> Model:
    return load(folder, Config.read(folder))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return csm.folder(tmp_path_factory.mktemp("csm") / "model")


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return opened(folder)


def join(batch: Batch, text: list[int], sampling: Sampling, seed: int = 0) -> None:
    row = Prompt(batch.model, text, sampling, key(seed))
    while row.left:
        batch.read([(row, 3)])
    batch.join(row)


def say(batch: Batch) -> list[int]:
    codes: list[list[int]] = batch.frame().codes.tolist()  # type: ignore[assignment]
    return codes[0]


def test_it_is_found(folder: Path) -> None:
    assert models.find(folder).Model is Model
    config = Config.read(folder)
    assert (config.codec, config.frame_codes, config.voices) == ("mimi", 5, ("0", "1"))
    assert config.sampling == Sampling(0.9, top_k=50)


def test_greedy_frames_of_the_reference(model: Model) -> None:
    batch = model.batch()
    join(batch, TEXT, GREEDY)
    assert [say(batch) for _ in GOLDEN["frames"]] == GOLDEN["frames"].tolist()


def test_logits_of_the_reference(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Model, "tokens", lambda *_: TEXT)
    found = model.expectations("", "0", GOLDEN["spoken"].tolist())
    for ours, name in zip(found, ("first", "others"), strict=True):
        np.testing.assert_allclose(ours, GOLDEN[name], atol=1e-3)


@pytest.mark.parametrize("layout", [csm.as_torchtune, csm.as_mlx_audio])
def test_every_layout(
    layout: Callable[[dict[str, Any], csm.Tensors], csm.Tensors], tmp_path: Path, model: Model
) -> None:
    other = opened(csm.folder(tmp_path / "x", arrays=layout(csm.SMALL, csm.tensors(csm.SMALL))))
    expected = dict(tree_flatten(model.parameters()))
    found = dict(tree_flatten(other.parameters()))
    assert found.keys() == expected.keys()
    for name, tensor in found.items():
        np.testing.assert_array_equal(tensor, expected[name], err_msg=name)


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    tensors = csm.tensors(csm.SMALL)
    del tensors["depth_decoder.model.layers.1.self_attn.k_proj.weight"]
    with pytest.raises(
        ModelError, match=r"no tensor decoder\.layers\.1\.self_attn\.k_proj\.weight"
    ):
        opened(csm.folder(tmp_path / "x", arrays=tensors))


def test_a_codec_beside_the_model_is_not_its_business(tmp_path: Path) -> None:
    tensors = csm.tensors(csm.SMALL) | {"codec_model.x": np.zeros(3, np.float32)}
    opened(csm.folder(tmp_path / "x", arrays=tensors))


def test_what_is_said_of_a_speaker(model: Model) -> None:
    assert model.tokenizer
    ids = model.tokenizer.encode("[1]hello there.", add_special_tokens=False).ids
    segment = Segment("hello there.")
    prompt = model.prompt(segment, "1", GREEDY, key(0))
    assert model.tokens(segment.text, "1") == [1, *ids, 4]
    assert prompt.left == len(ids) + 1


def test_rows_of_a_batch_say_what_they_say_alone(model: Model) -> None:
    texts = [[1, 7, 4], TEXT, [1, *range(20, 45), 4], [1, 8, 9, 4]]
    settings = [GREEDY, Sampling(0.9, top_k=50), GREEDY, Sampling(0.7, 9, 0.9, 0.01, 1.4)]
    alone = []
    for n, (text, sampling) in enumerate(zip(texts, settings, strict=True)):
        batch = model.batch()
        join(batch, text, sampling, n)
        alone.append([say(batch) for _ in range(12)])
    batch = model.batch(4)

    def begin(numbers: list[int]) -> None:
        for n in numbers:
            join(batch, texts[n], settings[n], n)

    assert said_in_turns(batch, begin, {0: [0], 3: [1], 4: [2], 9: [3]}, 12) == alone


def test_a_frame_of_zeros_is_the_end(model: Model) -> None:
    from mlxtts.models.csm.batch import Drawn

    first, end = Drawn(mx.array([[0, 0, 1], [0, 0, 0]])).read()
    assert first
    assert first.codes == (0, 0, 1)
    assert end is None


def test_the_configuration_of_sesames_package(tmp_path: Path) -> None:
    raw = {"backbone_flavor": "llama-1B", "decoder_flavor": "llama-100M"}
    raw |= {"text_vocab_size": 128_256, "audio_vocab_size": 2051, "audio_num_codebooks": 32}
    assert models.recognised(raw)
    config = Config.parse(raw, tmp_path)
    assert (config.codebook_size, config.num_codebooks) == (2051, 32)
    assert (config.backbone.head_dim, config.decoder.head_dim) == (64, 128)
    spelled = FLAVORS["llama-1B"] | {"rope_scaling": LLAMA_3, "vocab_size": 2051}
    spelled["depth_decoder_config"] = FLAVORS["llama-100M"] | {"rope_scaling": LLAMA_3}
    spelled |= {"max_position_embeddings": 2048}
    spelled["depth_decoder_config"] |= {"max_position_embeddings": 2048}
    assert Config.parse(spelled, tmp_path) == config
    assert config.longest == 1024


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"depth_decoder_config": None}, "decoder_flavor cannot be None"),
        ({"mlp_bias": True}, "a Llama with biases"),
        ({"num_codebooks": 1}, "not a CSM model"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "rope type 'yarn' is not implemented"),
        ({"hidden_size": "wide"}, "hidden_size cannot be 'wide'"),
        ({"rope_parameters": [1]}, r"rope_scaling cannot be \[1\]"),
    ],
)
def test_what_is_not_implemented(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        Config.parse(csm.SMALL | changes, Path("x"))


def test_quantising(tmp_path: Path) -> None:
    wide = csm.SMALL | {"hidden_size": 64, "intermediate_size": 128, "head_dim": 16}
    wide["depth_decoder_config"] = wide["depth_decoder_config"] | {"backbone_hidden_size": 64}
    source = csm.folder(tmp_path / "plain", wide)
    target = tmp_path / "packed"
    target.mkdir()
    outcome = Source(str(source)).write(target, Manner.choose(8, 32))
    assert outcome.after < 0.5 * outcome.before
    assert not outcome.kept
    said = json.loads((target / "config.json").read_text())["quantization"]
    assert said["bits"] == 8
    plain, packed = opened(source), opened(target)
    frames = np.random.default_rng(0).integers(0, 51, (4, 5)).tolist()
    for a, b in zip(plain.expectations("hi", "0", frames), packed.expectations("hi", "0", frames)):  # noqa: B905
        assert mx.abs(a - b).max().item() < 0.2
    tensors, config = quantize_model(plain, wide, 32, 8)
    assert config["quantization"] == said
    written = mx.load(str(target / "model.safetensors"))
    assert tensors.keys() == written.keys()  # type: ignore[union-attr]
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(tensor, written[name], err_msg=name)  # type: ignore[index]
    fewer = tmp_path / "fewer"
    fewer.mkdir()
    Source(str(target)).write(fewer, Manner.choose(4, 32))
    tensors, config = quantize_model(packed, config, 32, 4)
    assert config["quantization"] == Packing(32, 4).options
    for name, tensor in mx.load(str(fewer / "model.safetensors")).items():  # type: ignore[union-attr]
        np.testing.assert_array_equal(tensor, tensors[name], err_msg=name)
    assert opened(fewer).expectations("hi", "0", frames)


def test_token_lines(run: Run, folder: Path) -> None:
    said = f"echo 'hello there.' | mlxtts-tokens --model {folder} --voice 1 --max-tokens 30"
    done = run(said)
    assert done.returncode == 1
    assert b"cut short" in done.stderr
    head, begin, *codes, end = map(json.loads, done.stdout.decode().splitlines())
    assert (head["codec"], head["voice"], head["rate"]) == ("mimi", "1", 24_000)
    assert begin["begin"]["text"] == "hello there."
    assert [len(record["codes"]) for record in codes] == [5] * 6
    assert end["end"] == "length"


def test_what_is_no_sound_is_not_drawn(tmp_path: Path) -> None:
    few = csm.SMALL | {"codec_config": {"codebook_size": 7}}
    model = opened(csm.folder(tmp_path / "x", few))
    batch = model.batch()
    join(batch, TEXT, Sampling())
    assert {code for _ in range(20) for code in say(batch)} == set(range(7))


def test_an_example_is_heard_before(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """The prompt with it, as Sesame's package lays it out: text, frames, a frame of zeros, text."""
    monkeypatch.setattr(Model, "tokens", lambda _, text, __: {"a": [1, 9, 4], "b": TEXT}[text])
    frames = [(7, 3, 2, 0, 9), (1, 1, 1, 1, 1)]
    segment = Segment("b")
    prompt = model.prompt(segment, "1", GREEDY, key(0), models.Example("a", frames))
    assert prompt.left == 3 + 3 + len(TEXT) - 1
    sound = model.embed_frames(mx.array([[*frames, (0,) * 5]]))
    words = [model.text_embeddings(mx.array([text])) for text in ([1, 9, 4], TEXT)]
    expected = mx.concatenate([words[0], sound, words[1]], axis=1)
    np.testing.assert_array_equal(prompt.embed(0, prompt.length), expected)


def test_an_example_is_read_once(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who speaks after another with the same example says what one says who speaks first."""
    examples = [models.Example("a", [(n, 1, 2, 3, 4)] * 5) for n in range(rows.KEPT + 1)]
    read: list[int] = []
    run = Stack.run

    def counted(self: Stack, x: mx.array, cache: Cache) -> mx.array:
        if self is model.backbone:
            read.append(x.shape[1])
        return run(self, x, cache)

    monkeypatch.setattr(Stack, "run", counted)

    def spoken(batch: Batch, text: str, which: int = 0, tokens: int = 1000) -> list[list[int]]:
        read.clear()
        prompt = model.prompt(Segment(text), "1", GREEDY, key(0), examples[which])
        while prompt.left:
            batch.read([(prompt, tokens)])
        batch.join(prompt)
        return [say(batch) for _ in range(4)]

    texts = "hello", "hello there."
    alone = [spoken(model.batch(), text) for text in texts]
    prefix = read[0]
    assert prefix == len(model.tokens("a", "1")) + 6
    batch = model.batch(2)
    assert spoken(batch, texts[0]) == alone[0]
    batch.leave(0)
    assert spoken(batch, texts[1]) == alone[1]
    assert sum(read[:-4]) == len(model.tokens(texts[1], "1")) - 1  # and then four frames
    batch.leave(0)
    for which in range(1, rows.KEPT + 1):  # so many others that the first is forgotten
        spoken(batch, texts[0], which, tokens=3)
        batch.leave(0)
    assert spoken(batch, texts[1]) == alone[1]
    assert read[0] == prefix
