"""Convolutions of one tap as matrix products; cuDNN would change the layout of all that goes into
them and comes out.

The gradient of a small square matrix is a sum over all samples of a batch: a Triton kernel spreads
it over a GPU, where PyTorch has a product for each entry of the batch, then their sum. Where there
is no GPU (or no Triton) it is plain PyTorch; TRITON_INTERPRET=1 runs the kernel on a CPU.
"""

import torch

from .kernels import FUSED

STEP = 64  # samples of a product within the kernel
CHUNK = 1024  # samples that one program sums


def product(convolution, x):
    """``convolution`` of x (B, C, T), of one tap."""
    weight = convolution.weight.squeeze(-1).expand(len(x), -1, -1)
    return torch.baddbmm(convolution.bias[:, None], weight, x)


def square_plain(weight, v):
    """weight @ v; weight (C, C), v (B, C, T)."""
    return weight.expand(len(v), -1, -1) @ v


def add_square_plain(r, weight, v):
    """r + weight @ v, in the place of r (B, C, T); weight (C, C), v (B, C, T)."""
    return r.baddbmm_(weight.expand(len(v), -1, -1), v)


if FUSED:
    import triton
    import triton.language as tl

    @triton.jit
    def _weight_gradient(
        G, V, SUM, T, C: tl.constexpr, SIDE: tl.constexpr, STEP: tl.constexpr, CHUNK: tl.constexpr
    ):
        # A program adds a tile (SIDE, SIDE) of the gradient (C, C), of CHUNK samples of one entry.
        i = tl.program_id(0) * SIDE + tl.arange(0, SIDE)
        j = tl.program_id(1) * SIDE + tl.arange(0, SIDE)
        chunks = tl.cdiv(T, CHUNK)
        entry = (tl.program_id(2) // chunks).to(tl.int64)
        first = tl.program_id(2) % chunks * CHUNK
        total = tl.zeros((SIDE, SIDE), tl.float32)
        for step in range(CHUNK // STEP):
            t = first + step * STEP + tl.arange(0, STEP)
            g = tl.load(
                G + (entry * C + i[:, None]) * T + t[None, :],
                mask=(i[:, None] < C) & (t[None, :] < T),
                other=0.0,
            )
            v = tl.load(
                V + (entry * C + j[None, :]) * T + t[:, None],
                mask=(j[None, :] < C) & (t[:, None] < T),
                other=0.0,
            )
            total += tl.dot(g, v)
        inside = (i[:, None] < C) & (j[None, :] < C)
        tl.atomic_add(SUM + i[:, None] * C + j[None, :], total, mask=inside)

    def _backward(weight, v, g):
        """Gradients of weight (C, C) and v (B, C, T) from g, that of weight @ v."""
        g, v = g.contiguous(), v.contiguous()
        batch, channels, time = g.shape
        side = 32 if channels <= 32 else 64
        chunk = max(STEP, min(CHUNK, triton.next_power_of_2(time)))
        tiles = triton.cdiv(channels, side)
        g_weight = torch.zeros_like(weight)
        _weight_gradient[(tiles, tiles, batch * triton.cdiv(time, chunk))](
            g, v, g_weight, time, C=channels, SIDE=side, STEP=STEP, CHUNK=chunk, num_warps=4
        )
        return g_weight, weight.t().expand(batch, -1, -1) @ g

    class _Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, weight, v):
            ctx.save_for_backward(weight, v)
            return square_plain(weight, v)

        @staticmethod
        def backward(ctx, g):
            return _backward(*ctx.saved_tensors, g)

    class _AddSquare(torch.autograd.Function):
        @staticmethod
        def forward(ctx, r, weight, v):
            ctx.mark_dirty(r)
            ctx.save_for_backward(weight, v)
            return add_square_plain(r, weight, v)

        @staticmethod
        def backward(ctx, g):
            return g, *_backward(*ctx.saved_tensors, g)


square = _Square.apply if FUSED else square_plain
add_square = _AddSquare.apply if FUSED else add_square_plain
