"""The training's fused kernels, run on a processor by Triton's interpreter, against plain PyTorch
in double precision.
"""

import os
import subprocess
import sys

import pytest
import torch

from mlxtts.voices.starter.training import codec, kernels, lm, lm_kernels, lm_losses, pointwise

pytest.importorskip("triton", reason="needs triton, which has the interpreter")
torch.set_num_threads(1)  # what is computed here is too small for more

PLAIN = ((lm_kernels, ("add_norm", "turn", "gate")), (lm_losses, ("losses",)))
SMALL = lm.CONFIG | {
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "head_dim": 8,
}


def assert_near(found, expected):
    for got, want in zip(found, expected, strict=True):
        assert (got.double() - want).norm() <= 1e-5 * want.norm()


if not kernels.FUSED:  # it is decided when they are imported

    def test_in_the_interpreter():
        environment = os.environ | {"TRITON_INTERPRET": "1"}
        command = [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider"]
        done = subprocess.run([*command, __file__], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
        assert "8 passed" in done.stdout

else:
    device = "cuda" if torch.cuda.is_available() else "cpu"

    @pytest.mark.parametrize("dilation", [1, 3, 9])
    def test_a_residual_unit_of_the_codec(dilation):
        torch.manual_seed(0)
        shapes = [(2, 3, 3300), (1, 3, 1), (3, 1, 7), (3,), (1, 3, 1), (3,)]
        inputs = [
            torch.randn(s, device=device) * 0.3 + (1.0 if s == (1, 3, 1) else 0.0) for s in shapes
        ]
        fused = [t.clone().requires_grad_() for t in inputs]
        exact = [t.double().requires_grad_() for t in inputs]
        out, expected = kernels.unit(*fused, dilation), kernels.unit_plain(*exact, dilation)
        weights = [torch.randn_like(t) for t in out]
        sum((a * w).sum() for a, w in zip(out, weights, strict=True)).backward()
        sum((a * w).sum() for a, w in zip(expected, weights, strict=True)).backward()
        assert_near(out, expected)
        assert_near([a.grad for a in fused], [a.grad for a in exact])

    @pytest.mark.parametrize("learning", [True, False])
    def test_the_codec_is_snacs_own(learning):
        torch.manual_seed(0)
        small = {"encoder_dim": 4, "decoder_dim": 32, "noise": False}
        model = codec.build(codec.CONFIG | small).to(device)
        x = torch.randn(1, 1, 4096, device=device) * 0.1
        with torch.set_grad_enabled(learning):
            z = codec.forward(model.encoder, x)
            found, expected = codec.forward(model.decoder, z), model.decoder(z)
            torch.testing.assert_close(z, model.encoder(x), rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize(("channels", "time"), [(3, 1100), (70, 40)])
    def test_a_pointwise_product_of_the_codec(channels, time):
        torch.manual_seed(0)
        shapes = [(2, channels, time), (channels, channels), (2, channels, time)]
        fused = [torch.randn(s, device=device, requires_grad=True) for s in shapes]
        exact = [t.detach().double().requires_grad_() for t in fused]
        weight = torch.randn(shapes[0], device=device)
        out = pointwise.add_square(fused[0] * 1, *fused[1:])  # not in the place of a leaf
        out = out * pointwise.square(*fused[1:])
        expected = pointwise.add_square_plain(exact[0] * 1, *exact[1:])
        expected = expected * pointwise.square_plain(*exact[1:])
        (out * weight).sum().backward()
        (expected * weight).sum().backward()
        assert_near([out], [expected])
        assert_near([t.grad for t in fused], [t.grad for t in exact])

    def test_the_language_model(monkeypatch):
        torch.manual_seed(0)
        model = lm.Llama(SMALL).to(device)
        for p in model.parameters():  # norms that differ, and logits that matter
            p.data *= torch.rand_like(p) + 0.5 if p.ndim == 1 else 5
        frames, begin = torch.tensor([3, 1], device=device), torch.tensor([4, 7], device=device)
        tokens = torch.randint(0, model.config["vocab_size"], (2, 27), device=device)
        codes = torch.randint(0, lm.CODES, (2, 3, lm.SLOTS), device=device)

        def losses_and_gradients():
            model.zero_grad()
            losses = model.slot_losses(tokens, begin, frames, codes)
            (losses * torch.arange(1, 5, device=device)).sum().backward()
            return [losses.detach(), *(p.grad for p in model.parameters())]

        found = losses_and_gradients()
        for module, names in PLAIN:
            for name in names:
                monkeypatch.setattr(lm, name, getattr(module, f"{name}_plain"))
        model.double()
        assert_near(found, losses_and_gradients())
