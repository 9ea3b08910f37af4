import json
from pathlib import Path
from typing import Any

import pytest

from mlxtts.codecs.mimi.config import Config
from mlxtts.errors import ModelError
from tests import weights


def read(tmp_path: Path, config: object) -> Config:
    (tmp_path / "config.json").write_text(json.dumps(config))
    return Config.read(tmp_path / "config.json")


def test_the_published_model_is_the_default(tmp_path: Path) -> None:
    config = read(tmp_path, weights.MIMI_FULL)
    for one in (config, read(tmp_path, {}), Config()):
        assert (one.hop_length, one.stride, one.frame_samples) == (960, 2, 1920)
        assert one.shape == config.shape
        assert one.num_quantizers == 32
    assert (config.shape.head_dim, config.shape.window) == (64, 250)


def test_newer_files_say_it_otherwise(tmp_path: Path) -> None:
    """transformers 5: the base of the rotary positions is in an object, and the frame rate, which
    follows from the rest, is not there."""
    raw = weights.MIMI_SMALL | {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}
    older = {key: value for key, value in raw.items() if key not in ("rope_theta", "frame_rate")}
    config = read(tmp_path, older | {"_frame_rate": None, "head_dim": None})
    assert (config.frame_samples, config.shape.rope_theta, config.shape.head_dim) == (80, 500, 8)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"use_causal_conv": False}, "use_causal_conv False is not implemented"),
        ({"pad_mode": "reflect"}, "pad_mode 'reflect' is not implemented"),
        ({"audio_channels": 2}, "audio_channels 2 is not implemented"),
        ({"use_conv_shortcut": True}, "use_conv_shortcut True is not implemented"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "positions of the kind 'yarn' are not"),
        ({"rope_parameters": "yarn"}, "positions of the kind 'yarn' are not"),
        ({"upsample_groups": 1}, "not a Mimi configuration"),
        ({"upsampling_ratios": []}, "not a Mimi configuration"),
        ({"upsampling_ratios": [8, 0]}, "not a Mimi configuration"),
        ({"frame_rate": 25.0}, "not a Mimi configuration"),
        ({"frame_rate": -1.0}, "not a Mimi configuration"),
        ({"num_attention_heads": 0}, "not a Mimi configuration"),
        ({"num_semantic_quantizers": 32}, "not a Mimi configuration"),
        ({"sampling_rate": 0}, "not a Mimi configuration"),
        ({"num_filters": "many"}, "num_filters cannot be 'many'"),
    ],
)
def test_variants_that_are_not_implemented(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ModelError, match=reason):
        read(tmp_path, weights.MIMI_FULL | change)
