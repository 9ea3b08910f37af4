"""Folders of models to folders of quantised ones; tests/parity has MLX-LM's and mlx-audio's word
on them."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlxtts import hub, models
from mlxtts.codecs.kokoro import voices
from mlxtts.engine import Speaker
from mlxtts.errors import ModelError, UsageError
from mlxtts.hub import Entry
from mlxtts.models.orpheus import Config, Model, load
from mlxtts.nn import QuantizedEmbedding, loading, mx, quantization, saving
from mlxtts.nn.cache import Cache
from mlxtts.nn.quantization import Packing
from mlxtts.nn.recipes import Manner
from mlxtts.quantize import Outcome, Source, quantize_model
from tests import checkpoints, kokoro
from tests.conftest import STARTER
from tests.nn import test_pickled
from tests.nn.test_pickled import stored

THREE, FOUR, EIGHT = map(Manner.choose, (3, 4, 8))


def source(folder: Path, tied: bool = True, **changes: object) -> Path:
    changes |= {"tie_word_embeddings": tied}
    return checkpoints.write(folder, checkpoints.tensors(tied), **changes)


def quantised(folder: Path, manner: Manner = FOUR) -> tuple[Path, Outcome]:
    target = folder.with_name(f"{folder.name}-quantised")
    target.mkdir()
    return target, Source(str(folder)).write(target, manner)


def opened(folder: Path) -> Model:
    return load(folder, Config.read(folder))


def outputs(model: Model) -> np.ndarray:
    tokens = mx.array([[7, 3, 60, 21, 5, 44, 9, 13]])
    hidden = model.model(tokens, Cache(model.config.num_hidden_layers))[0]
    return np.array(mx.concatenate([model.logits(hidden, slot) for slot in range(1, 7)]))


def said(folder: Path) -> dict[str, Any]:
    config = json.loads((folder / "config.json").read_text())
    assert config["quantization"] == config["quantization_config"]
    return config["quantization"]


@pytest.mark.parametrize(
    "given",
    [
        *({"bits": bits} for bits in (2, 3, 4, 5, 6, 8)),
        *({"mode": mode} for mode in ("mxfp4", "nvfp4", "mxfp8")),
        {"group_size": 128},
        {"recipe": "mixed_3_6"},
        {"bits": 3, "head_bits": 8},
        {"mode": "mxfp4", "head_bits": 6},
    ],
    ids=str,
)
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_our_loader_reads_it(tmp_path: Path, tied: bool, given: dict[str, Any]) -> None:
    """It computes with the numbers that MLX unpacks."""
    manner = Manner.choose(**given)
    folder = source(tmp_path / "x", tied)
    plan = manner.plan(models.find(folder).matrices(Config.read(folder)))
    _, plain = checkpoints.quantise(checkpoints.tensors(tied), plan.get)
    expected = checkpoints.write(tmp_path / "plain", plain, tie_word_embeddings=tied)
    target, outcome = quantised(folder, manner)
    assert outcome.kept == ()
    np.testing.assert_allclose(outputs(opened(target)), outputs(opened(expected)), atol=1e-4)


def test_what_the_configuration_says(tmp_path: Path) -> None:
    folder = source(tmp_path / "x", tied=False)
    manner = Manner.choose(recipe="mixed_4_6", group_size=32, head_bits=8)
    six, eight = Packing(32, 6).options, Packing(32, 8).options
    assert said(quantised(folder, manner)[0]) == Packing(32, 4).options | {
        "lm_head": eight,
        "model.layers.1.self_attn.v_proj": six,
        "model.layers.1.mlp.down_proj": six,
    }


def test_sizes(tmp_path: Path) -> None:
    folder = source(tmp_path / "x")
    target, outcome = quantised(folder)
    tensors = checkpoints.tensors()
    count = sum(tensor.size for tensor in tensors.values())
    norms = sum(tensor.size for tensor in tensors.values() if tensor.ndim == 1)
    assert outcome.before == 4 * count
    assert outcome.after == (count - norms) * (4 + 2 * 32 / 64) / 8 + 4 * norms
    assert outcome.bits == 8 * outcome.after / count
    assert 0 < (target / "model.safetensors").stat().st_size - outcome.after < 10_000


def test_matrices_that_cannot_be_stay(tmp_path: Path) -> None:
    folder = source(tmp_path / "x")
    target, outcome = quantised(folder, Manner.choose(group_size=128))
    assert outcome.kept == ()
    small = checkpoints.weights.LLAMA_SMALL | {"intermediate_size": 96, "hidden_size": 64}
    tensors = {name: mx.array(t) for name, t in checkpoints.weights.llama(small).items()}
    sizes = {"intermediate_size": 96, "hidden_size": 64, "num_hidden_layers": 3}
    narrow = {"num_attention_heads": 6, "num_key_value_heads": 2}
    folder = checkpoints.write(tmp_path / "y", tensors, **sizes, **narrow)
    target, outcome = quantised(folder)
    parts = ("self_attn.o_proj", "mlp.down_proj")  # of 96 columns
    assert set(outcome.kept) == {f"model.layers.{n}.{part}" for n in range(3) for part in parts}
    kept = loading.read_checkpoint(target)["model.layers.0.mlp.down_proj.weight"]
    assert mx.array_equal(kept, tensors["model.layers.0.mlp.down_proj.weight"])
    opened(target)


def test_everything_else_comes_along(tmp_path: Path) -> None:
    folder = source(tmp_path / "x")
    codec, saved = folder / "codec", folder / "voices"
    for place in (codec, saved, folder / "code", folder / ".git"):
        place.mkdir()
    data = {
        codec / "config.json": b"{}",
        codec / "model.safetensors": b"sound",
        saved / "a.safetensors": b"a",
        folder / "README.md": b"read",
        folder / "generation_config.json": b"{}",
    }
    nothing = ("consolidated.safetensors", "old.bin", "code/x.py", ".git/x.json")
    for path, text in data.items() | {(folder / name, b"no") for name in nothing}:
        path.write_bytes(text)
    target, _ = quantised(folder)
    found = {path.relative_to(target) for path in target.rglob("*") if path.is_file()}
    names = {"config.json", "model.safetensors", "tokenizer.json"}
    assert found == {path.relative_to(folder) for path in data} | {Path(name) for name in names}
    assert all((target / path.relative_to(folder)).read_bytes() == data[path] for path in data)


def with_voices(folder: Path) -> Path:
    """A Kokoro with a voice in each kind of file that can be read, and some of them in two."""
    folder = kokoro.folder(folder, voices=("af_plain", "af_twice"))
    seeds = itertools.count()

    def pack(kind: str = "<f4") -> np.ndarray:
        return kokoro.voice(kokoro.SMALL, next(seeds)).astype(kind)

    for name, kind in (("af_torch", "<f4"), ("bf_half", "<f2"), ("bm_double", "<f8")):
        voice = pack(kind)
        test_pickled.write(folder / "voices" / f"{name}.pt", stored("0", voice), {"0": voice})
    np.savez(folder / "voices" / "ef_arrays.npz", ef_arrays=pack(), other=pack())
    np.savez(folder / "voices" / "ff_alone.npz", pack())
    np.save(folder / "voices" / "hf_array.npy", pack())
    np.save(folder / "voices" / "af_twice.npy", pack())
    np.savez(folder / "voices.npz", if_archive=pack("<f8"), af_plain=pack("<f2"))
    return folder


def test_all_voices_come_along(tmp_path: Path) -> None:
    folder = with_voices(tmp_path / "x")
    target, _ = quantised(folder)
    before, after = voices.Voices(folder), voices.Voices(target)
    assert voices.listed(target) == voices.listed(folder)
    assert len(before.paths) == 9
    assert {path.suffix for path in after.paths.values()} == {".safetensors"}
    for name in before.paths:
        for length in (1, 400):
            wanted, found = (v.style({name: 1}, length) for v in (before, after))
            assert mx.array_equal(wanted, found), name
    twice = np.load(folder / "voices" / "af_twice.npy")
    found = loading.read_safetensors(target / "voices" / "af_twice.safetensors")
    np.testing.assert_array_equal(np.array(found["voice"]), twice)


@pytest.mark.parametrize("name", ["../af_evil", "/af_evil", "a/b", ""])
def test_a_voice_goes_nowhere_else(tmp_path: Path, name: str) -> None:
    folder = kokoro.folder(tmp_path / "x", voices=("af_plain",))
    np.savez(folder / "voices.npz", **{name: kokoro.voice(kokoro.SMALL, 1)})
    with pytest.raises(ModelError, match=r"voices\.npz: '.*' is no name of a voice"):
        quantised(folder)
    assert not [*tmp_path.rglob("*evil*")]


@pytest.mark.parametrize("file", ["voices.npz", "voices/af_x.npz", "voices/af_x.pt"])
def test_voices_that_are_damaged(tmp_path: Path, file: str) -> None:
    folder = kokoro.folder(tmp_path / "x", voices=("af_plain",))
    for damaged in (b"", b"PK\3\4 and so on", b"\x93NUMPY"):
        (folder / file).write_bytes(damaged)
        with pytest.raises(ModelError, match=file):
            quantised(folder)
        shutil.rmtree(tmp_path / "x-quantised", ignore_errors=True)


def test_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read, and written."""
    folder = source(tmp_path / "x")
    one, _ = quantised(folder)
    checkpoints.shard(folder, 3)
    monkeypatch.setattr(saving.write_checkpoint, "__defaults__", (50_000,))
    many, _ = quantised(folder.rename(tmp_path / "y"))
    assert len(list(many.glob("model-*-of-*.safetensors"))) > 2
    expected, found = loading.read_checkpoint(one), loading.read_checkpoint(many)
    assert expected.keys() == found.keys()
    assert all(mx.array_equal(expected[name], found[name]) for name in found)
    np.testing.assert_array_equal(outputs(opened(one)), outputs(opened(many)))


@pytest.mark.parametrize("kind", [mx.float16, mx.bfloat16, mx.float32], ids=str)
def test_number_types_stay(tmp_path: Path, kind: mx.Dtype) -> None:
    halves = {name: tensor.astype(kind) for name, tensor in checkpoints.tensors().items()}
    target, _ = quantised(checkpoints.write(tmp_path / "x", halves))
    for folder in (target, quantised(target, THREE)[0]):
        kinds = {tensor.dtype for tensor in loading.read_checkpoint(folder).values()}
        assert kinds == {kind, mx.uint32}


def test_no_more_than_a_tensor_is_in_memory(tmp_path: Path) -> None:
    blocks = {"num_hidden_layers": 24, "hidden_size": 256, "intermediate_size": 512}
    tensors = checkpoints.weights.llama(checkpoints.CONFIG | blocks)
    arrays = {name: mx.array(tensor) for name, tensor in tensors.items()}
    largest = max(tensor.nbytes for tensor in arrays.values())
    folder = checkpoints.write(tmp_path / "x", arrays, **blocks)
    del arrays
    held = mx.get_active_memory()
    mx.reset_peak_memory()
    target, outcome = quantised(folder)
    assert outcome.before > 30 * largest
    assert mx.get_peak_memory() - held < 6 * largest
    mx.reset_peak_memory()
    quantised(target, THREE)
    assert mx.get_peak_memory() - held < 6 * largest


def test_a_short_name_does_not_take_voices_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A published checkpoint does not say its voices: names.json does."""
    folder = source(tmp_path / "x")
    config = json.loads((folder / "config.json").read_text())
    del config["voices"]
    (folder / "config.json").write_text(json.dumps(config))
    entry = Entry("model", languages=("de",), voices=("jana", "max"))
    monkeypatch.setattr(hub, "known", lambda name: entry if name == str(folder) else None)
    target, _ = quantised(folder)
    config = Speaker(str(target)).config
    assert (config.voices, config.languages) == (("jana", "max"), ("de",))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"bits": 8}, {"bits": 4}),
        ({"bits": 8}, {"bits": 8, "group_size": 128}),
        ({"bits": 6}, {"recipe": "mixed_3_6"}),
        ({"bits": 8}, {"bits": 3, "head_bits": 8}),
        ({"recipe": "mixed_4_6", "head_bits": 8}, {"bits": 4}),
        ({"mode": "mxfp8"}, {"group_size": 32}),
        ({"bits": 5}, {"mode": "nvfp4"}),
    ],
    ids=str,
)
def test_a_quantised_source(tmp_path: Path, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Its matrices are unpacked and packed anew, but for those that are to be as they are; and of
    how they were packed nothing is said any more."""
    folder = source(tmp_path / "x", tied=False)
    matrices = models.find(folder).matrices(Config.read(folder))
    old, new = (Manner.choose(**manner).plan(matrices) for manner in (before, after))
    packed, plain = checkpoints.quantise(checkpoints.tensors(False), old.get)
    expected, _ = checkpoints.quantise(plain, new.get)
    for name, part in packed.items():
        layer = name.rpartition(".")[0]
        if old.get(layer) == new.get(layer):
            expected[name] = part
    middle, _ = quantised(folder, Manner.choose(**before))
    target, outcome = quantised(middle, Manner.choose(**after))
    assert_equal(loading.read_checkpoint(target), expected)
    assert said(target) == said(quantised(source(tmp_path / "y", False), Manner.choose(**after))[0])
    assert outcome.before == sum(part.nbytes for part in packed.values())
    assert outcome.after == sum(part.nbytes for part in expected.values())
    assert outcome.bits == 8 * outcome.after / sum(tensor.size for tensor in plain.values())


def assert_equal(found: checkpoints.Arrays, expected: checkpoints.Arrays) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in found.items():
        assert tensor.dtype == expected[name].dtype
        assert mx.array_equal(tensor, expected[name]), name


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ({"bits": 8}, {"bits": 8}, "model.embed_tokens is already quantised to 8.50 bits a weight"),
        ({"bits": 4}, {"bits": 8}, "model.embed_tokens is already quantised to 4.50 bits a weight"),
        ({"bits": 8}, {"bits": 8, "group_size": 32}, "to 8.50 bits a weight: ask for fewer"),
        ({"bits": 4}, {"mode": "nvfp4"}, "to 4.50 bits a weight: ask for fewer"),
        ({"mode": "mxfp4"}, {}, "to 4.25 bits a weight: ask for fewer"),
        ({"bits": 4}, {"recipe": "mixed_3_6"}, "lm_head is already quantised to 4.50 bits"),
        ({"bits": 4}, {"bits": 2, "head_bits": 6}, "lm_head is already quantised to 4.50 bits"),
    ],
    ids=str,
)
def test_a_source_of_as_few_bits(
    tmp_path: Path, before: dict[str, Any], after: dict[str, Any], reason: str
) -> None:
    middle, _ = quantised(source(tmp_path / "x", tied=False), Manner.choose(**before))
    with pytest.raises(ModelError, match=reason):
        quantised(middle, Manner.choose(**after))
    config = loading.read_json(middle / "config.json")
    with pytest.raises(ModelError, match=reason):
        quantize_model(opened(middle), config, **after)


def test_quantised_matrices_that_cannot_be_stay(tmp_path: Path) -> None:
    """And it is said how they are packed."""
    changes = {"intermediate_size": 192}
    arrays = checkpoints.weights.llama(checkpoints.CONFIG | changes)
    tensors = {name: mx.array(tensor) for name, tensor in arrays.items()}
    middle, _ = quantised(checkpoints.write(tmp_path / "x", tensors, **changes), EIGHT)
    target, outcome = quantised(middle, Manner.choose(4, 128))
    layers = [f"model.layers.{n}.mlp.down_proj" for n in range(2)]
    assert outcome.kept == tuple(layers)
    eight, four = Packing(64, 8), Packing(128, 4)
    assert said(target) == four.options | dict.fromkeys(layers, eight.options)
    _, plain = checkpoints.quantise(tensors, lambda _: eight)
    _, fewer = checkpoints.quantise(plain, lambda layer: None if layer in layers else four)
    expected = checkpoints.write(tmp_path / "plain", fewer, **changes)
    np.testing.assert_allclose(outputs(opened(target)), outputs(opened(expected)), atol=1e-4)


def test_a_quantised_source_that_does_not_say_so(tmp_path: Path) -> None:
    target, _ = quantised(source(tmp_path / "x"), EIGHT)
    config = json.loads((target / "config.json").read_text())
    del config["quantization"], config["quantization_config"]
    (target / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="is quantised, but not according to"):
        quantised(target)


def test_a_quantised_kokoro(tmp_path: Path) -> None:
    """Its convolutions stay as they are."""
    folder = kokoro.folder(tmp_path / "x", voices=("af_plain",))
    middle, _ = quantised(folder, Manner.choose(8, 32))
    target, _ = quantised(middle, Manner.choose(4, 32))
    written, before = (loading.read_checkpoint(x) for x in (target, middle))
    for name in [name for name, tensor in written.items() if tensor.ndim == 3]:
        assert mx.array_equal(written[name], before[name]), name
    assert said(target) == Packing(32, 4).options
    expected, found = (
        Speaker(str(x)).model.expectations("", "af_plain", [kokoro.GOLDEN])[0]
        for x in (middle, target)
    )
    assert mx.mean(mx.abs(found - expected)).item() < 0.1


def test_sources_that_are_incomplete(tmp_path: Path) -> None:
    tensors = checkpoints.tensors()
    name = "model.layers.1.mlp.up_proj.weight"
    for n, broken in enumerate((None, mx.zeros((4,)))):
        changed = {key: tensor for key, tensor in tensors.items() if key != name}
        changed |= {} if broken is None else {name: broken}
        folder = checkpoints.write(tmp_path / f"{n}", changed)
        with pytest.raises(ModelError, match=f"no matrix {name}"):
            quantised(folder)


def test_nothing_that_the_group_size_divides(model_folder: Path) -> None:
    with pytest.raises(ModelError, match="no matrix has columns that 64 divides"):
        quantised(model_folder)


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_a_model_in_memory(tmp_path: Path, tied: bool) -> None:
    """Its tensors have the checkpoint's names and order again, so it is as if the folder had been
    quantised."""
    folder = source(tmp_path / "x", tied)
    config = loading.read_json(folder / "config.json")
    model = opened(folder)
    before = outputs(model)
    weights, changed = quantize_model(model, config, group_size=32, bits=8)
    assert "quantization" not in config
    target, _ = quantised(folder, Manner.choose(8, 32))
    assert changed == loading.read_json(target / "config.json")
    expected = loading.read_checkpoint(target)
    assert weights.keys() == expected.keys()
    assert all(mx.array_equal(tensor, expected[name]) for name, tensor in weights.items())
    np.testing.assert_array_equal(outputs(model), before)
    with pytest.raises(UsageError, match="bits 7"):
        quantize_model(model, config, 32, 7)


@pytest.mark.parametrize("before", [{"bits": 8}, {"recipe": "mixed_3_6"}], ids=str)
@pytest.mark.parametrize("cpu", [True, False])
def test_a_quantised_model_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpu: bool, before: dict[str, Any]
) -> None:
    """Also where it is unpacked; so it is as if its folder had been quantised."""
    for module in (loading, quantization):
        monkeypatch.setattr(module, "on_cpu", lambda: cpu)
    middle, _ = quantised(source(tmp_path / "x"), Manner.choose(**before))
    config = loading.read_json(middle / "config.json")
    model = opened(middle)
    assert any(isinstance(part, QuantizedEmbedding) for part in model.modules()) != cpu
    weights, changed = quantize_model(model, config, bits=2)
    target, _ = quantised(middle, Manner.choose(2))
    assert changed == loading.read_json(target / "config.json")
    assert_equal(weights, loading.read_checkpoint(target))


def test_the_starter_stays_whole(tmp_path: Path) -> None:
    """Most of it can be quantised in any way that MLX has."""
    target = tmp_path / "q"
    target.mkdir()
    outcome = Source("starter").write(target, FOUR)
    assert outcome.before == sum(t.nbytes for t in loading.read_checkpoint(STARTER).values())
    assert 4.5 < outcome.bits < 4.6
    assert Speaker(str(target)).config.voices == ("slt", "rms", "awb", "kal16")
    assert hub.own_codec(target)
