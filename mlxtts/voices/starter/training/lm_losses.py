"""The loss of the language model in one Triton kernel, which reads the logits once.

Knows arithmetic only. Where there is no GPU (or no Triton) the same functions run as plain PyTorch;
TRITON_INTERPRET=1 runs the kernels on a CPU.
"""

import torch
import torch.nn.functional as F

from .kernels import FUSED


def losses_plain(logits, wanted, valid):
    """Cross entropy float32 (rows,) of ``wanted`` (rows,) among the first valid (rows,) of logits
    (rows, K); 0 where ``wanted`` is below 0.
    """
    place = torch.arange(logits.shape[1], device=logits.device)
    logits = logits.float().masked_fill(place >= valid[:, None], -torch.inf)
    return F.cross_entropy(logits, wanted, reduction="none", ignore_index=-100)


if FUSED:
    import triton
    import triton.language as tl

    @triton.jit
    def _losses_forward(LOGITS, WANTED, VALID, LOSS, SUM, K: tl.constexpr, WIDE: tl.constexpr):
        row = tl.program_id(0).to(tl.int64)
        k = tl.arange(0, WIDE)
        wanted = tl.load(WANTED + row)
        valid = tl.load(VALID + row)
        x = tl.load(LOGITS + row * K + k, mask=k < valid, other=-float("inf")).to(tl.float32)
        most = tl.max(x, 0)
        total = most + tl.log(tl.sum(tl.exp(x - most), 0))
        here = tl.load(LOGITS + row * K + tl.maximum(wanted, 0)).to(tl.float32)
        tl.store(SUM + row, total)
        tl.store(LOSS + row, tl.where(wanted >= 0, total - here, 0.0))

    @triton.jit
    def _losses_backward(
        G, LOGITS, WANTED, VALID, SUM, GLOGITS, K: tl.constexpr, WIDE: tl.constexpr
    ):
        row = tl.program_id(0).to(tl.int64)
        k = tl.arange(0, WIDE)
        wanted = tl.load(WANTED + row)
        valid = tl.load(VALID + row)
        g = tl.where(wanted >= 0, tl.load(G + row), 0.0)
        x = tl.load(LOGITS + row * K + k, mask=k < valid, other=-float("inf")).to(tl.float32)
        share = tl.exp(x - tl.load(SUM + row)) - tl.where(k == wanted, 1.0, 0.0)
        tl.store(GLOGITS + row * K + k, (g * share).to(GLOGITS.dtype.element_ty), mask=k < K)

    class _Losses(torch.autograd.Function):
        @staticmethod
        def forward(ctx, logits, wanted, valid):
            logits = logits.contiguous()
            rows, k = logits.shape
            loss = torch.empty(rows, device=logits.device)
            total = torch.empty_like(loss)
            _losses_forward[(rows,)](
                logits, wanted, valid, loss, total, K=k, WIDE=triton.next_power_of_2(k)
            )
            ctx.save_for_backward(logits, wanted, valid, total)
            return loss

        @staticmethod
        def backward(ctx, g):
            logits, wanted, valid, total = ctx.saved_tensors
            rows, k = logits.shape
            g_logits = torch.empty_like(logits)
            _losses_backward[(rows,)](
                g.contiguous(), logits, wanted, valid, total, g_logits,
                K=k, WIDE=triton.next_power_of_2(k),
            )  # fmt: skip
            return g_logits, None, None


losses = _Losses.apply if FUSED else losses_plain
