"""Record what the reference implementations make of the random weights in tests/weights.py.

    pip install -e '.[parity]' && python tests/golden/record.py

Writes snac.npz, mimi.npz, llama.npz, csm.npz and kokoro.npz beside this file: some kB each, so
that parity is tested without PyTorch. The full comparison is in tests/parity.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from tests import csm, kokoro, weights  # noqa: E402
from tests import mimi as mimi_tests  # noqa: E402
from tests.parity import csm_reference, references  # noqa: E402
from tests.parity.kokoro_reference import Reference, publish  # noqa: E402

THIN = 5  # every fifth sample


def snac() -> None:
    golden = {}
    for name, config, frames in (
        ("small", weights.SNAC_SMALL, 8),
        ("odd", weights.SNAC_ODD, 9),
        ("full", weights.SNAC_FULL, 3),
    ):
        codes = weights.snac_codes(config, frames)
        audio = references.snac_decode(config, weights.snac(config), codes)
        golden[name] = audio[::THIN]
        print(f"snac {name}: {len(audio)} samples, rms {np.sqrt(np.mean(audio**2)):.3f}")
    np.savez_compressed(HERE / "snac.npz", **golden)


def mimi() -> None:
    config = weights.MIMI_SMALL
    model = references.mimi_model(config, weights.mimi(config))
    frames = weights.mimi_codes(config, 40)
    audio = references.mimi_decode(model, frames)
    few = references.mimi_decode(model, [codes[:3] for codes in frames])
    print(f"mimi: {len(audio)} samples, rms {np.sqrt(np.mean(audio**2)):.3f}")
    codes = references.mimi_encode(model, mimi_tests.recording(60, 80))
    thin = {"all": audio[::THIN], "few": few[::THIN]}
    np.savez_compressed(HERE / "mimi.npz", codes=np.array(codes, np.uint8), **thin)


def llama() -> None:
    config, tensors = weights.LLAMA_SMALL, weights.llama(weights.LLAMA_SMALL)
    prompt = np.random.default_rng(1).integers(0, 64, 90)
    hidden, logits = references.llama(config, tensors, prompt)
    codes, margin = references.greedy_codes(
        config, tensors, prompt[:20], steps=210, offset=64, size=64
    )
    print(f"llama: hidden rms {np.sqrt(np.mean(hidden**2)):.3f}, least margin {margin:.2g}")
    assert margin > 1e-3, "too close a choice for other arithmetic to make the same; change seeds"
    np.savez_compressed(
        HERE / "llama.npz", prompt=prompt, hidden=hidden[::9], logits=logits[-1], codes=codes
    )


def kokoro_network() -> None:
    """What each part makes of what the part before it gave the reference."""
    with TemporaryDirectory() as folder:
        path = publish(Path(folder), kokoro.FULL, kokoro.tensors(kokoro.FULL))
        reference = Reference(path)
        found = reference.speak(kokoro.GOLDEN, kokoro.golden_style(), spectrum=True)
    print(f"kokoro: {len(found['audio'])} samples, rms {np.sqrt(np.mean(found['audio'] ** 2)):.3f}")
    thin = {name: found[name][::THIN] for name in ("audio", "source")}
    exact = {name: found[name] for name in ("durations", "pitch")}
    np.savez_compressed(HERE / "kokoro.npz", **exact, **thin)


def sesame() -> None:
    config, tensors = csm.SMALL, csm.tensors(csm.SMALL)
    text = [1, 9, 33, 60, 5, 21, 4]
    spoken = np.random.default_rng(2).integers(0, config["vocab_size"], (5, 5))
    first, others = csm_reference.expectations(config, tensors, text, spoken)
    frames = csm_reference.greedy_frames(config, tensors, text, 24)
    print(f"csm: first codes expected at {first.max(1).mean():.2f} on average")
    found = {"first": first, "others": others, "frames": frames}
    np.savez_compressed(HERE / "csm.npz", text=text, spoken=spoken, **found)


if __name__ == "__main__":
    snac()
    mimi()
    llama()
    sesame()
    kokoro_network()
