"""Fused Triton kernels for what costs most in the codec: snake -> depthwise convolution -> snake,
and a lone snake.

Knows arithmetic only: float32 tensors (batch, channels, time) in and out, with their gradients.
Where there is no GPU (or no Triton) the same functions run as plain PyTorch. Set TRITON_INTERPRET=1
to run the kernels on a CPU.
"""

import os

import torch
import torch.nn.functional as F

try:
    import triton
    import triton.language as tl
    from triton.language.extra.libdevice import fast_sinf

    INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
    FUSED = torch.cuda.is_available() or INTERPRETED
except ImportError:
    FUSED = False

TAPS = 7  # length of every depthwise filter of the codec's residual units


def snake_plain(x, alpha):
    """x + sin(alpha x)^2 / alpha; x (B, C, T), alpha (1, C, 1)."""
    alpha = alpha.view(1, -1, 1)
    return torch.addcmul(x, torch.sin(alpha * x).square(), 1 / (alpha + 1e-9))


def unit_plain(x, alpha1, weight, bias, alpha2, bias2, dilation):
    """The residual unit up to its pointwise product: (snake(depthwise(snake(x))), x + bias2), both
    (B, C, T).
    """
    pad = (TAPS // 2) * dilation
    h = F.conv1d(
        snake_plain(x, alpha1), weight, bias, padding=pad, dilation=dilation, groups=x.shape[1]
    )
    return snake_plain(h, alpha2), x + bias2.view(1, -1, 1)


if FUSED:
    # One program handles BLOCK samples of one row (batch entry, channel) of C channels and T
    # samples. Gradients of the parameters are summed over a block and added atomically to SUMS.

    if INTERPRETED:  # the interpreter has no libdevice

        @triton.jit
        def _sine(x):
            return tl.sin(x)
    else:

        @triton.jit
        def _sine(x):
            return fast_sinf(x)

    @triton.jit
    def _unit_forward(
        X, A1, W, BIAS, A2, BIAS2, U, V, R, C, T, D: tl.constexpr, BLOCK: tl.constexpr
    ):
        row = tl.program_id(0)
        c = row % C
        t = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
        inside = t < T
        base = row.to(tl.int64) * T
        a1 = tl.load(A1 + c)
        a2 = tl.load(A2 + c)
        i1 = 1.0 / (a1 + 1e-9)
        i2 = 1.0 / (a2 + 1e-9)
        acc = tl.zeros((BLOCK,), tl.float32) + tl.load(BIAS + c)
        for k in tl.static_range(7):
            s = t + (k - 3) * D
            x = tl.load(X + base + s, mask=inside & (s >= 0) & (s < T), other=0.0)
            q = _sine(a1 * x)
            acc += tl.load(W + c * 7 + k) * (x + i1 * q * q)
        tl.store(U + base + t, acc, mask=inside)
        q = _sine(a2 * acc)
        tl.store(V + base + t, acc + i2 * q * q, mask=inside)
        x = tl.load(X + base + t, mask=inside, other=0.0)
        tl.store(R + base + t, x + tl.load(BIAS2 + c), mask=inside)

    @triton.jit
    def _unit_backward(
        GV, GR, X, U, A1, W, A2, GX, SUMS, C, T, D: tl.constexpr, BLOCK: tl.constexpr
    ):
        # SUMS[c]: 7 taps, bias, alpha1, alpha2, bias2, one unused
        row = tl.program_id(0)
        c = row % C
        t = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
        inside = t < T
        base = row.to(tl.int64) * T
        a1 = tl.load(A1 + c)
        a2 = tl.load(A2 + c)
        i1 = 1.0 / (a1 + 1e-9)
        i2 = 1.0 / (a2 + 1e-9)
        x = tl.load(X + base + t, mask=inside, other=0.0)
        q1 = _sine(a1 * x)
        s1 = _sine(2.0 * a1 * x)
        h = x + i1 * q1 * q1
        gh = tl.zeros((BLOCK,), tl.float32)
        for k in tl.static_range(7):
            s = t - (k - 3) * D
            there = inside & (s >= 0) & (s < T)
            u = tl.load(U + base + s, mask=there, other=0.0)
            gu = tl.load(GV + base + s, mask=there, other=0.0) * (1.0 + _sine(2.0 * a2 * u))
            gh += tl.load(W + c * 7 + k) * gu
            tl.atomic_add(SUMS + c * 12 + k, tl.sum(gu * h, 0))
        u = tl.load(U + base + t, mask=inside, other=0.0)
        gv = tl.load(GV + base + t, mask=inside, other=0.0)
        q2 = _sine(a2 * u)
        s2 = _sine(2.0 * a2 * u)
        gr = tl.load(GR + base + t, mask=inside, other=0.0)
        tl.store(GX + base + t, gr + gh * (1.0 + s1), mask=inside)
        tl.atomic_add(SUMS + c * 12 + 7, tl.sum(gv * (1.0 + s2), 0))
        tl.atomic_add(SUMS + c * 12 + 8, tl.sum(gh * (i1 * x * s1 - i1 * i1 * q1 * q1), 0))
        tl.atomic_add(SUMS + c * 12 + 9, tl.sum(gv * (i2 * u * s2 - i2 * i2 * q2 * q2), 0))
        tl.atomic_add(SUMS + c * 12 + 10, tl.sum(gr, 0))

    @triton.jit
    def _snake_forward(X, A, Y, C, T, BLOCK: tl.constexpr):
        row = tl.program_id(0)
        t = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
        inside = t < T
        base = row.to(tl.int64) * T
        a = tl.load(A + row % C)
        x = tl.load(X + base + t, mask=inside, other=0.0)
        q = _sine(a * x)
        tl.store(Y + base + t, x + q * q / (a + 1e-9), mask=inside)

    @triton.jit
    def _snake_backward(GY, X, A, GX, SUMS, C, T, BLOCK: tl.constexpr):
        row = tl.program_id(0)
        t = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
        inside = t < T
        base = row.to(tl.int64) * T
        a = tl.load(A + row % C)
        i = 1.0 / (a + 1e-9)
        x = tl.load(X + base + t, mask=inside, other=0.0)
        g = tl.load(GY + base + t, mask=inside, other=0.0)
        s = _sine(2.0 * a * x)
        q = _sine(a * x)
        tl.store(GX + base + t, g * (1.0 + s), mask=inside)
        tl.atomic_add(SUMS + row % C, tl.sum(g * (i * x * s - i * i * q * q), 0))

    def _grid(x):
        batch, channels, time = x.shape
        block = max(32, min(1024, triton.next_power_of_2(time)))
        return (batch * channels, triton.cdiv(time, block)), channels, time, block

    class _Unit(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, alpha1, weight, bias, alpha2, bias2, dilation):
            x, weight = x.contiguous(), weight.contiguous()
            grid, channels, time, block = _grid(x)
            u, v, r = torch.empty_like(x), torch.empty_like(x), torch.empty_like(x)
            _unit_forward[grid](
                x,
                alpha1,
                weight,
                bias,
                alpha2,
                bias2,
                u,
                v,
                r,
                channels,
                time,
                D=dilation,
                BLOCK=block,
                num_warps=4,
            )
            ctx.save_for_backward(x, u, alpha1, weight, alpha2)
            ctx.dilation = dilation
            return v, r

        @staticmethod
        def backward(ctx, gv, gr):
            x, u, alpha1, weight, alpha2 = ctx.saved_tensors
            grid, channels, time, block = _grid(x)
            gv, gr, gx = gv.contiguous(), gr.contiguous(), torch.empty_like(x)
            sums = torch.zeros(channels, 12, device=x.device)
            _unit_backward[grid](
                gv,
                gr,
                x,
                u,
                alpha1,
                weight,
                alpha2,
                gx,
                sums,
                channels,
                time,
                D=ctx.dilation,
                BLOCK=block,
                num_warps=4,
            )
            taps = sums[:, :7].reshape(weight.shape)
            first, second = sums[:, 8].reshape(alpha1.shape), sums[:, 9].reshape(alpha2.shape)
            return gx, first, taps, sums[:, 7], second, sums[:, 10], None

    class _Snake(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, alpha):
            x = x.contiguous()
            grid, channels, time, block = _grid(x)
            y = torch.empty_like(x)
            _snake_forward[grid](x, alpha, y, channels, time, BLOCK=block, num_warps=4)
            ctx.save_for_backward(x, alpha)
            return y

        @staticmethod
        def backward(ctx, gy):
            x, alpha = ctx.saved_tensors
            grid, channels, time, block = _grid(x)
            gy, gx = gy.contiguous(), torch.empty_like(x)
            sums = torch.zeros(channels, device=x.device)
            _snake_backward[grid](gy, x, alpha, gx, sums, channels, time, BLOCK=block, num_warps=4)
            return gx, sums.view(alpha.shape)


def unit(x, alpha1, weight, bias, alpha2, bias2, dilation):
    """unit_plain, fused where possible."""
    function = _Unit.apply if FUSED else unit_plain
    return function(x, alpha1, weight, bias, alpha2, bias2, dilation)


def snake(x, alpha):
    """snake_plain, fused where possible."""
    return _Snake.apply(x, alpha) if FUSED else snake_plain(x, alpha)
