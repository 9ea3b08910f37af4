"""Orpheus in its own shapes with random weights, for benchmarks: ours and mlx-audio's."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlxtts import hub, models
from mlxtts.codecs.snac.codec import Codec
from mlxtts.codecs.snac.config import Config as SnacConfig
from mlxtts.engine import Engine, Request
from mlxtts.models.orpheus.config import Config, Generation
from mlxtts.models.orpheus.model import Model, sanitize
from mlxtts.nn import loading, mx, on_cpu, tree_flatten
from mlxtts.nn.quantization import Packing
from mlxtts.nn.sampling import Sampling
from mlxtts.text.frontend import Segment
from tests import checkpoints, weights

Arrays = dict[str, mx.array]

LLAMA_3 = weights.LLAMA_SMALL["rope_scaling"] | {"original_max_position_embeddings": 8192}
SHAPES: dict[str, dict[str, Any]] = {
    "3B": weights.LLAMA_SMALL
    | {
        "hidden_size": 3072,
        "intermediate_size": 8192,
        "num_hidden_layers": 28,
        "num_attention_heads": 24,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "vocab_size": 156_940,
        "rope_scaling": LLAMA_3,
    },
    # SmolLM-135M's with a text vocabulary of 49,152.
    "150M": weights.LLAMA_SMALL
    | {
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "head_dim": 64,
        "vocab_size": 49_152 + 10 + 7 * 4096,
        "rope_scaling": None,
        "audio_token_offset": 49_162,
        "end_of_speech_token_id": 49_154,
        "prompt_prefix": [],
        "prompt_suffix": [],
    },
    "tiny": weights.ORPHEUS_SMALL,
}
SAMPLING = Sampling(temperature=0.6, top_p=0.8, repetition_penalty=1.3)
"""Orpheus's own."""


class Ids:
    """A tokenizer for which a text of n letters has n tokens."""

    def __init__(self, size: int) -> None:
        self._size = size

    def encode(self, text: str) -> Ids:
        self.ids = [(7919 * n) % self._size for n in range(len(text))]
        return self


def tensors(raw: dict[str, Any], kind: mx.Dtype) -> Arrays:
    """Random weights under Hugging Face's names, the same every time."""
    mx.random.seed(0)
    width, ffn, dim = raw["hidden_size"], raw["intermediate_size"], raw["head_dim"]
    heads, groups = raw["num_attention_heads"] * dim, raw["num_key_value_heads"] * dim
    shapes = {
        "self_attn.q_proj": (heads, width),
        "self_attn.k_proj": (groups, width),
        "self_attn.v_proj": (groups, width),
        "self_attn.o_proj": (width, heads),
        "mlp.gate_proj": (ffn, width),
        "mlp.up_proj": (ffn, width),
        "mlp.down_proj": (width, ffn),
    }

    def matrix(out: int, into: int) -> mx.array:
        made = (mx.random.normal((out, into)) * into**-0.5).astype(kind)
        mx.eval(made)
        return made

    arrays = {"model.embed_tokens.weight": matrix(raw["vocab_size"], width)}
    for layer in range(raw["num_hidden_layers"]):
        stem = f"model.layers.{layer}"
        arrays |= {f"{stem}.{name}.weight": matrix(*shape) for name, shape in shapes.items()}
        for norm in ("input_layernorm", "post_attention_layernorm"):
            arrays[f"{stem}.{norm}.weight"] = mx.ones((width,), dtype=kind)
    return arrays | {"model.norm.weight": mx.ones((width,), dtype=kind)}


def quantised(arrays: Arrays, packing: Packing) -> Arrays:
    """The same packed as MLX-LM does it."""
    packed: Arrays = {}
    for name, tensor in arrays.items():
        if tensor.ndim < 2:
            packed[name] = tensor
            continue
        parts = mx.quantize(tensor, **packing.options)
        mx.eval(parts)
        stem = name.removesuffix(".weight")
        packed |= zip([name, f"{stem}.scales", f"{stem}.biases"], parts, strict=False)
    return packed


def size(arrays: Arrays) -> int:
    """Bytes that a step must read: all weights but the rows of the embedding that no slot needs."""
    total = sum(tensor.nbytes for tensor in arrays.values())
    rows = arrays["model.embed_tokens.weight"].shape[0]
    embedding = sum(t.nbytes for name, t in arrays.items() if "embed_tokens" in name)
    return total - embedding + round(embedding * 4096 / rows)


def ours(raw: dict[str, Any], arrays: Arrays, packing: Packing | None = None) -> Model:
    quantization = {"quantization": packing.options} if packing else {}
    config = Config.parse(raw | quantization, Path("config.json"), Generation())
    model = Model(config, Ids(config.audio_token_offset))  # type: ignore[arg-type]
    loading.load(model, sanitize(dict(arrays), config), Path("random"))
    return model


def starter() -> tuple[Model, dict[str, Any], Arrays]:
    """The embedded voice, its configuration and its tensors as another Llama wants them."""
    folder = hub.locate("starter")
    module = models.find(folder)
    config = replace(module.read_config(folder))
    raw = loading.read_json(folder / "config.json")
    model = module.load(folder, config)
    model.tokenizer = Ids(config.audio_token_offset)
    return model, raw, checkpoints.starter()


def snac(raw: dict[str, Any]) -> Codec:
    """A codec of random weights."""
    from mlxtts.codecs.snac.checkpoint import sanitize

    codec = Codec(loading.configure(SnacConfig, raw, Path("config.json")))
    arrays = {name: mx.array(tensor) for name, tensor in weights.snac(raw).items()}
    loading.load(codec, sanitize(arrays), Path("random"))
    return codec


def engine(model: Model, width: int, cache_bits: int = 16) -> Engine:
    return Engine(model, model.config, width, cache_bits)


def request(
    name: str, letters: int, frames: int, sampling: Sampling = SAMPLING, segments: int = 1
) -> Request:
    """To be read from so many tokens and spoken for so many frames, unless the end is drawn, each
    in so many segments."""
    parts = (Segment("x" * (letters // segments)),) * segments
    return Request(name, "", parts, "tara", sampling, 0, max_frames=frames // segments)


Theirs = Callable[[int, int], float]


def mlx_audio(raw: dict[str, Any], arrays: Arrays, packing: Packing | None = None) -> Theirs:
    """What gives the seconds that mlx-audio takes for so many tokens after a prompt of so many:
    the loop of its Orpheus, with its defaults, without tokenizer and codec."""
    from mlx import nn  # noqa: TID251
    from mlx_audio.lm.generate import generate_step
    from mlx_audio.lm.models.llama import Model as Llama
    from mlx_audio.lm.models.llama import ModelArgs
    from mlx_audio.lm.sample_utils import make_logits_processors, make_sampler

    from tests.bench.common import seconds

    fields = {name: value for name, value in raw.items() if name in ModelArgs.__annotations__}
    model = Llama(ModelArgs(**fields))
    if packing:
        nn.quantize(model, **packing.options)
    model.load_weights([*arrays.items()])
    mx.eval(model.parameters())

    def run(prompt: int, tokens: int) -> float:
        ids = mx.array(Ids(min(1000, raw["vocab_size"])).encode("x" * prompt).ids)
        steps = generate_step(
            ids,
            model,
            max_tokens=tokens,
            sampler=make_sampler(0.6, 0.8, top_k=-1),
            logits_processors=make_logits_processors(None, 1.3, 20),
        )
        return seconds(lambda: [token for token, _ in steps])

    return run


def has_mlx_audio() -> bool:
    with contextlib.suppress(ImportError):
        import mlx_audio  # noqa: F401

        return True
    return False


def default_kinds() -> dict[str, tuple[mx.Dtype, Packing | None]]:
    """Kinds of weights that are worth measuring on this device."""
    if on_cpu():
        return {"float32": (mx.float32, None)}
    return {"bf16": (mx.bfloat16, None), "4-bit": (mx.bfloat16, Packing(64, 4))}


def parameters(model: Model) -> int:
    return sum(tensor.size for _, tensor in tree_flatten(model.parameters()))
