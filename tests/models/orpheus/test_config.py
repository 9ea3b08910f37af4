import json
from pathlib import Path
from typing import Any

import pytest

from mlxtts.errors import ModelError
from mlxtts.models.orpheus.config import Config, Generation
from mlxtts.nn.rope import Llama3Scaling
from mlxtts.nn.sampling import Sampling

ORPHEUS: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 3072,
    "intermediate_size": 8192,
    "num_hidden_layers": 28,
    "num_attention_heads": 24,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 156_940,
    "rms_norm_eps": 1e-5,
    "rope_theta": 500_000.0,
    "rope_scaling": {
        "rope_type": "llama3",
        "factor": 32.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    },
    "max_position_embeddings": 131_072,
    "tie_word_embeddings": True,
    "eos_token_id": 128_001,
}


def parse(**changes: Any) -> Config:
    return Config.parse(ORPHEUS | changes, Path("config.json"), Generation())


def test_the_published_model_needs_no_keys_of_ours() -> None:
    config = parse()
    assert config.rope_scaling == Llama3Scaling(32, 1, 4, 8192)
    assert config.voices[0] == "tara"
    assert len(config.voices) == len(config.tags) == 8
    assert (config.codec, config.codec_path) == ("snac", "mlx-community/snac_24khz")
    assert config.audio_token_offset + 7 * config.codebook_size - 1 == 156_937
    assert config.sampling == Sampling(0.6, 0, 0.8, 0.0, 1.3)


def test_rope_parameters_as_newer_configurations_write_them() -> None:
    rope = ORPHEUS["rope_scaling"] | {"rope_theta": 10_000.0}
    raw = {key: value for key, value in ORPHEUS.items() if not key.startswith("rope")}
    config = Config.parse(raw | {"rope_parameters": rope}, Path("x"), Generation())
    assert (config.rope_theta, config.rope_scaling) == (10_000.0, Llama3Scaling(32, 1, 4, 8192))


def test_the_limit_follows_the_text() -> None:
    config = parse()
    assert config.frame_limit(0) == 35  # three seconds
    assert 35 < config.frame_limit(20) < config.frame_limit(40)
    assert config.frame_limit(1000) == 1200 // 7


def test_generation_settings_are_the_folders(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(ORPHEUS))
    (tmp_path / "generation_config.json").write_text('{"temperature": 1, "do_sample": true}')
    sampling = Config.read(tmp_path).sampling
    assert (sampling.temperature, sampling.repetition_penalty) == (1, 1.3)


def test_generation_settings_of_the_model_it_grew_from_are_not_its_own(tmp_path: Path) -> None:
    """Llama-3.2's own file, which training leaves in the folder."""
    (tmp_path / "config.json").write_text(json.dumps(ORPHEUS))
    left = {"_from_model_config": True, "do_sample": True, "temperature": 0.6, "top_p": 0.9}
    (tmp_path / "generation_config.json").write_text(json.dumps(left))
    assert Config.read(tmp_path).sampling == Config.parse(ORPHEUS, Path("x"), Generation()).sampling


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"hidden_act": "gelu"}, "a Llama with biases or another activation"),
        ({"attention_bias": True}, "a Llama with biases or another activation"),
        ({"rope_scaling": {"rope_type": "yarn"}}, "rope type 'yarn' is not implemented"),
        ({"rope_scaling": "x"}, "rope_scaling cannot be 'x'"),
        ({"vocab_size": 128_256}, "not an Orpheus model"),
        ({"voices": []}, "no voices"),
        ({"hidden_size": None}, "hidden_size cannot be None"),
    ],
)
def test_variants_that_are_not_implemented(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        parse(**change)
