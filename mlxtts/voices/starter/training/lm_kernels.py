"""Fused Triton kernels for what costs most in the language model besides its matrix products:
residual sums with their norms, rotary positions and the gate. All are bound by memory, and each
reads and writes once what PyTorch reads and writes several times.

Knows arithmetic only. Sums of residuals are float32, everything between is ``dtype``: bfloat16 on a
GPU. Where there is no GPU (or no Triton) the same functions run as plain PyTorch. Set
TRITON_INTERPRET=1 to run the kernels on a CPU.
"""

import torch
import torch.nn.functional as F

from .kernels import FUSED

PROGRAMS = 2048  # of a norm's gradient, each of which sums that of the weight over its rows


def add_norm_plain(x, more, weight, eps, dtype):
    """(x + more, its root mean square norm times weight, as ``dtype``) of x and more (rows, size);
    without ``more`` of x.
    """
    total = x if more is None else x + more
    return total, F.rms_norm(total, weight.shape, weight.to(x.dtype), eps).to(dtype)


def turn_plain(qkv, cos, sin, keys):
    """Queries (B, T, Q, E), keys and values (B, T, ``keys``, E) of qkv (B, T, Q + 2 keys, E), the
    former two turned by their positions: tables cos and sin (T, E / 2).
    """
    queries = qkv.shape[2] - 2 * keys
    first, second = qkv[:, :, : queries + keys].float().chunk(2, -1)
    cos, sin = cos[:, None], sin[:, None]
    turned = torch.cat((first * cos - second * sin, second * cos + first * sin), -1).to(qkv.dtype)
    return turned[:, :, :queries], turned[:, :, queries:], qkv[:, :, queries + keys :]


def gate_plain(both):
    """silu(first half) * second half of both (rows, 2 F)."""
    first, second = both.chunk(2, -1)
    return F.silu(first) * second


if FUSED:
    import triton
    import triton.language as tl

    # Rows are handled ROWS at a time; WIDE is the next power of two of their length.

    @triton.jit
    def _add_norm_forward(
        X, MORE, W, TOTAL, Y, rows, eps,
        SIZE: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr, ADD: tl.constexpr,
    ):  # fmt: skip
        row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
        c = tl.arange(0, WIDE)
        inside = (row < rows)[:, None] & (c < SIZE)[None, :]
        at = row.to(tl.int64)[:, None] * SIZE + c[None, :]
        x = tl.load(X + at, mask=inside, other=0.0)
        if ADD:
            x += tl.load(MORE + at, mask=inside, other=0.0).to(tl.float32)
            tl.store(TOTAL + at, x, mask=inside)
        scale = tl.rsqrt(tl.sum(x * x, 1) / SIZE + eps)
        w = tl.load(W + c, mask=c < SIZE, other=0.0)
        y = x * scale[:, None] * w[None, :]
        tl.store(Y + at, y.to(Y.dtype.element_ty), mask=inside)

    @triton.jit
    def _add_norm_backward(
        GY, GTOTAL, TOTAL, W, GX, GMORE, SUMS, rows, eps,
        SIZE: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr, TRIPS: tl.constexpr,
        ON: tl.constexpr, ADD: tl.constexpr,
    ):  # fmt: skip
        c = tl.arange(0, WIDE)
        w = tl.load(W + c, mask=c < SIZE, other=0.0)
        sums = tl.zeros((ROWS, WIDE), tl.float32)
        for trip in range(TRIPS):
            row = (tl.program_id(0) * TRIPS + trip) * ROWS + tl.arange(0, ROWS)
            inside = (row < rows)[:, None] & (c < SIZE)[None, :]
            at = row.to(tl.int64)[:, None] * SIZE + c[None, :]
            x = tl.load(TOTAL + at, mask=inside, other=0.0)
            gy = tl.load(GY + at, mask=inside, other=0.0).to(tl.float32)
            scale = tl.rsqrt(tl.sum(x * x, 1) / SIZE + eps)[:, None]
            sums += gy * x * scale
            gy *= w[None, :]
            g = scale * (gy - x * scale * scale * (tl.sum(gy * x, 1) / SIZE)[:, None])
            if ON:
                g += tl.load(GTOTAL + at, mask=inside, other=0.0)
            tl.store(GX + at, g, mask=inside)
            if ADD:
                tl.store(GMORE + at, g.to(GMORE.dtype.element_ty), mask=inside)
        tl.atomic_add(SUMS + c, tl.sum(sums, 0), mask=c < SIZE)

    @triton.jit
    def _turn(
        QKV, Q, K, V, COS, SIN, time,
        QUERIES: tl.constexpr, KEYS: tl.constexpr, HALF: tl.constexpr, BACK: tl.constexpr,
    ):  # fmt: skip
        # A program does one row of all heads; backwards from Q, K, V into QKV.
        row = tl.program_id(0).to(tl.int64)
        e = tl.arange(0, HALF)
        t = tl.program_id(0) % time
        cos = tl.load(COS + t * HALF + e)
        sin = tl.load(SIN + t * HALF + e)
        if BACK:
            sin = -sin
        for head in tl.static_range(QUERIES + 2 * KEYS):
            whole = QKV + (row * (QUERIES + 2 * KEYS) + head) * 2 * HALF + e
            if head < QUERIES:
                part = Q + (row * QUERIES + head) * 2 * HALF + e
            elif head < QUERIES + KEYS:
                part = K + (row * KEYS + head - QUERIES) * 2 * HALF + e
            else:
                part = V + (row * KEYS + head - QUERIES - KEYS) * 2 * HALF + e
            if BACK:
                source, target = part, whole
            else:
                source, target = whole, part
            first = tl.load(source).to(tl.float32)
            second = tl.load(source + HALF).to(tl.float32)
            if head < QUERIES + KEYS:
                first, second = first * cos - second * sin, second * cos + first * sin
            tl.store(target, first.to(QKV.dtype.element_ty))
            tl.store(target + HALF, second.to(QKV.dtype.element_ty))

    @triton.jit
    def _gate_forward(BOTH, Y, total, F: tl.constexpr, BLOCK: tl.constexpr):
        i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
        inside = i < total
        at = i // F * (2 * F) + i % F
        a = tl.load(BOTH + at, mask=inside, other=0.0).to(tl.float32)
        b = tl.load(BOTH + at + F, mask=inside, other=0.0).to(tl.float32)
        tl.store(Y + i, (a * tl.sigmoid(a) * b).to(Y.dtype.element_ty), mask=inside)

    @triton.jit
    def _gate_backward(G, BOTH, GBOTH, total, F: tl.constexpr, BLOCK: tl.constexpr):
        i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
        inside = i < total
        at = i // F * (2 * F) + i % F
        g = tl.load(G + i, mask=inside, other=0.0).to(tl.float32)
        a = tl.load(BOTH + at, mask=inside, other=0.0).to(tl.float32)
        b = tl.load(BOTH + at + F, mask=inside, other=0.0).to(tl.float32)
        s = tl.sigmoid(a)
        kind = GBOTH.dtype.element_ty
        tl.store(GBOTH + at, (g * b * s * (1 + a * (1 - s))).to(kind), mask=inside)
        tl.store(GBOTH + at + F, (g * a * s).to(kind), mask=inside)

    def _tile(size):
        return {"SIZE": size, "WIDE": triton.next_power_of_2(size), "ROWS": 4, "num_warps": 4}

    class _AddNorm(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, more, weight, eps, dtype):
            ctx.set_materialize_grads(False)
            rows, size = x.shape
            total = x if more is None else torch.empty_like(x)
            y = torch.empty_like(x, dtype=dtype)
            tile = _tile(size)
            _add_norm_forward[(triton.cdiv(rows, tile["ROWS"]),)](
                x, x if more is None else more.contiguous(), weight, total, y, rows, eps,
                ADD=more is not None, **tile,
            )  # fmt: skip
            ctx.save_for_backward(total, weight)
            ctx.eps, ctx.kind = eps, None if more is None else more.dtype
            return total.view_as(total) if more is None else total, y

        @staticmethod
        def backward(ctx, g_total, gy):
            total, weight = ctx.saved_tensors
            rows, size = total.shape
            add, on = ctx.kind is not None, g_total is not None
            gx = torch.empty_like(total)
            g_more = torch.empty_like(total, dtype=ctx.kind) if add else None
            tile = _tile(size)
            trips = triton.cdiv(rows, tile["ROWS"] * PROGRAMS)
            programs = triton.cdiv(rows, tile["ROWS"] * trips)
            sums = torch.zeros_like(weight)
            _add_norm_backward[(programs,)](
                gy.contiguous(), g_total.contiguous() if on else gx, total, weight, gx,
                g_more if add else gx, sums, rows, ctx.eps, TRIPS=trips, ON=on, ADD=add, **tile,
            )  # fmt: skip
            return gx, g_more, sums, None, None

    class _Turn(torch.autograd.Function):
        @staticmethod
        def forward(ctx, qkv, cos, sin, keys):
            batch, time, heads, size = qkv.shape
            qkv = qkv.contiguous()
            parts = [qkv.new_empty(batch, time, n, size) for n in (heads - 2 * keys, keys, keys)]
            ctx.save_for_backward(cos, sin)
            _Turn.run(qkv, parts, cos, sin, False)
            return tuple(parts)

        @staticmethod
        def run(qkv, parts, cos, sin, back):
            batch, time, heads, size = qkv.shape
            keys = parts[1].shape[2]
            _turn[(batch * time,)](
                qkv, *parts, cos, sin, time,
                QUERIES=heads - 2 * keys, KEYS=keys, HALF=size // 2, BACK=back, num_warps=1,
            )  # fmt: skip

        @staticmethod
        def backward(ctx, *parts):
            parts = [part.contiguous() for part in parts]
            batch, time, _, size = parts[0].shape
            qkv = parts[0].new_empty(batch, time, sum(part.shape[2] for part in parts), size)
            _Turn.run(qkv, parts, *ctx.saved_tensors, True)
            return qkv, None, None, None

    class _Gate(torch.autograd.Function):
        @staticmethod
        def forward(ctx, both):
            both = both.contiguous()
            size = both.shape[-1] // 2
            y = both.new_empty(*both.shape[:-1], size)
            _gate_forward[(triton.cdiv(y.numel(), 1024),)](
                both, y, y.numel(), F=size, BLOCK=1024, num_warps=4
            )
            ctx.save_for_backward(both)
            return y

        @staticmethod
        def backward(ctx, g):
            (both,) = ctx.saved_tensors
            g_both = torch.empty_like(both)
            _gate_backward[(triton.cdiv(g.numel(), 1024),)](
                g.contiguous(), both, g_both, g.numel(), F=g.shape[-1], BLOCK=1024, num_warps=4
            )
            return g_both


if FUSED:
    add_norm, turn, gate = _AddNorm.apply, _Turn.apply, _Gate.apply
else:
    add_norm, turn, gate = add_norm_plain, turn_plain, gate_plain
