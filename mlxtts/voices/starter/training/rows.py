"""Rows of tables by number, with gradients that are found without sorting the numbers, as PyTorch
does.
"""

import torch
import torch.nn.functional as F


class Lookup(torch.autograd.Function):
    """Rows of a table (n, size) by number."""

    @staticmethod
    def forward(ctx, table, index):
        """Rows (*index's shape, size)."""
        ctx.save_for_backward(index)
        ctx.count = len(table)
        return F.embedding(index, table)

    @staticmethod
    def backward(ctx, g):
        """Sum the gradient of each row."""
        (index,) = ctx.saved_tensors
        table = g.new_zeros(ctx.count, g.shape[-1])
        return table.index_add_(0, index.flatten(), g.reshape(-1, g.shape[-1])), None


class Choice(torch.autograd.Function):
    """Rows of x (n, size) by number, each wanted once at most but for some whose gradient is 0;
    ``back`` (n,) says where each was put, -1 for nowhere.
    """

    @staticmethod
    def forward(ctx, x, index, back):
        """Rows (*index's shape, size)."""
        ctx.save_for_backward(back)
        return x[index]

    @staticmethod
    def backward(ctx, g):
        """Put the gradients back."""
        (back,) = ctx.saved_tensors
        g = g.reshape(-1, g.shape[-1])[back.clamp(min=0)]
        return g.masked_fill(back[:, None] < 0, 0), None, None
