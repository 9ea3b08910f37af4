"""Optimiser steps that a bad gradient cannot spoil, with or without a CUDA graph around them."""

import torch


def adam(groups, betas, lr, fused):
    """AdamW over parameter groups; ``fused`` ones take learning rates that are tensors."""
    return torch.optim.AdamW(
        groups, lr=lr, betas=betas, weight_decay=0.0, fused=fused, capturable=fused
    )


def step(optimiser, parameters, clip):
    """Clip the gradient's norm and step, or do not step if it is not finite; returns the norm."""
    norm = torch.nn.utils.clip_grad_norm_(parameters, clip)
    if optimiser.defaults["fused"]:
        optimiser.found_inf = (~torch.isfinite(norm)).float()  # the kernel looks at it
        optimiser.step()
    elif torch.isfinite(norm):
        optimiser.step()
    return norm
