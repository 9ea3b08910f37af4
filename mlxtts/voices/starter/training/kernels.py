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
    def _place(C, T, BLOCK: tl.constexpr):
        """The channel, the samples, and where the row begins, of this program."""
        row = tl.program_id(0)
        return row % C, tl.program_id(1) * BLOCK + tl.arange(0, BLOCK), row.to(tl.int64) * T

    @triton.jit
    def _unit_forward(
        X, A1, W, BIAS, A2, BIAS2, U, V, R, C, T,
        D: tl.constexpr, BLOCK: tl.constexpr, KEEP: tl.constexpr,
    ):  # fmt: skip
        c, t, base = _place(C, T, BLOCK)
        inside = t < T
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
        if KEEP:
            tl.store(U + base + t, acc, mask=inside)
        q = _sine(a2 * acc)
        tl.store(V + base + t, acc + i2 * q * q, mask=inside)
        x = tl.load(X + base + t, mask=inside, other=0.0)
        tl.store(R + base + t, x + tl.load(BIAS2 + c), mask=inside)

    # The gradient of a unit is found in two passes: from its end to u, what the convolution gave,
    # and on to its beginning; in one, the taps would ask for seven sines instead of one.
    # SUMS[c]: 7 taps, bias, alpha1, alpha2, bias2, one unused

    @triton.jit
    def _unit_backward_end(GV, U, A2, GU, SUMS, C, T, BLOCK: tl.constexpr):
        c, t, base = _place(C, T, BLOCK)
        a2 = tl.load(A2 + c)
        i2 = 1.0 / (a2 + 1e-9)
        u = tl.load(U + base + t, mask=t < T, other=0.0)
        gv = tl.load(GV + base + t, mask=t < T, other=0.0)
        q = _sine(a2 * u)
        s = _sine(2.0 * a2 * u)
        gu = gv * (1.0 + s)
        tl.store(GU + base + t, gu, mask=t < T)
        tl.atomic_add(SUMS + c * 12 + 7, tl.sum(gu, 0))
        tl.atomic_add(SUMS + c * 12 + 9, tl.sum(gv * (i2 * u * s - i2 * i2 * q * q), 0))

    @triton.jit
    def _unit_backward_begin(
        GU, GR, X, A1, W, GX, SUMS, C, T, D: tl.constexpr, BLOCK: tl.constexpr
    ):
        c, t, base = _place(C, T, BLOCK)
        a1 = tl.load(A1 + c)
        i1 = 1.0 / (a1 + 1e-9)
        x = tl.load(X + base + t, mask=t < T, other=0.0)
        q = _sine(a1 * x)
        s = _sine(2.0 * a1 * x)
        h = x + i1 * q * q
        gh = tl.zeros((BLOCK,), tl.float32)
        for k in tl.static_range(7):
            at = t - (k - 3) * D
            gu = tl.load(GU + base + at, mask=(at >= 0) & (at < T), other=0.0)
            gh += tl.load(W + c * 7 + k) * gu
            tl.atomic_add(SUMS + c * 12 + k, tl.sum(gu * h, 0))
        gr = tl.load(GR + base + t, mask=t < T, other=0.0)
        tl.store(GX + base + t, gr + gh * (1.0 + s), mask=t < T)
        tl.atomic_add(SUMS + c * 12 + 8, tl.sum(gh * (i1 * x * s - i1 * i1 * q * q), 0))
        tl.atomic_add(SUMS + c * 12 + 10, tl.sum(gr, 0))

    @triton.jit
    def _snake_forward(X, A, Y, C, T, BLOCK: tl.constexpr):
        c, t, base = _place(C, T, BLOCK)
        inside = t < T
        a = tl.load(A + c)
        x = tl.load(X + base + t, mask=inside, other=0.0)
        q = _sine(a * x)
        tl.store(Y + base + t, x + q * q / (a + 1e-9), mask=inside)

    @triton.jit
    def _snake_backward(GY, X, A, GX, SUMS, C, T, BLOCK: tl.constexpr):
        c, t, base = _place(C, T, BLOCK)
        inside = t < T
        a = tl.load(A + c)
        i = 1.0 / (a + 1e-9)
        x = tl.load(X + base + t, mask=inside, other=0.0)
        g = tl.load(GY + base + t, mask=inside, other=0.0)
        s = _sine(2.0 * a * x)
        q = _sine(a * x)
        tl.store(GX + base + t, g * (1.0 + s), mask=inside)
        tl.atomic_add(SUMS + c, tl.sum(g * (i * x * s - i * i * q * q), 0))

    def _grid(x):
        batch, channels, time = x.shape
        block = max(32, min(1024, triton.next_power_of_2(time)))
        return (batch * channels, triton.cdiv(time, block)), channels, time, block

    class _Unit(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, alpha1, weight, bias, alpha2, bias2, dilation, keep):
            x, weight = x.contiguous(), weight.contiguous()
            grid, channels, time, block = _grid(x)
            v, r = torch.empty_like(x), torch.empty_like(x)
            u = torch.empty_like(x) if keep else v
            _unit_forward[grid](
                x, alpha1, weight, bias, alpha2, bias2, u, v, r, channels, time,
                D=dilation, BLOCK=block, KEEP=keep, num_warps=4,
            )  # fmt: skip
            ctx.save_for_backward(x, u, alpha1, weight, alpha2)
            ctx.dilation = dilation
            return v, r

        @staticmethod
        def backward(ctx, gv, gr):
            x, u, alpha1, weight, alpha2 = ctx.saved_tensors
            grid, channels, time, block = _grid(x)
            gv, gr = gv.contiguous(), gr.contiguous()
            gu, gx = torch.empty_like(x), torch.empty_like(x)
            sums = torch.zeros(channels, 12, device=x.device)
            how = {"BLOCK": block, "num_warps": max(1, block // 128)}
            _unit_backward_end[grid](gv, u, alpha2, gu, sums, channels, time, **how)
            _unit_backward_begin[grid](
                gu, gr, x, alpha1, weight, gx, sums, channels, time, D=ctx.dilation, **how
            )
            taps = sums[:, :7].reshape(weight.shape)
            first, second = sums[:, 8].reshape(alpha1.shape), sums[:, 9].reshape(alpha2.shape)
            return gx, first, taps, sums[:, 7], second, sums[:, 10], None, None

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
    if not FUSED:
        return unit_plain(x, alpha1, weight, bias, alpha2, bias2, dilation)
    keep = torch.is_grad_enabled()
    return _Unit.apply(x, alpha1, weight, bias, alpha2, bias2, dilation, keep)


def snake(x, alpha):
    """snake_plain, fused where possible."""
    return _Snake.apply(x, alpha) if FUSED else snake_plain(x, alpha)
