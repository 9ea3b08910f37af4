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


def side_by_side(parameters):
    """A tensor of zeros in which the gradients of all parameters have their places from now on."""
    sizes = [p.numel() for p in parameters]
    flat = torch.zeros(sum(sizes), device=parameters[0].device)
    for p, part in zip(parameters, flat.split(sizes), strict=True):
        p.grad = part.view_as(p)
    return flat


def captured(run, times, pool=None):
    """``run`` as a CUDA graph, once it has been run so many times."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(times):
            run()
    torch.cuda.current_stream().wait_stream(side)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    # other threads, such as NCCL's, may go on meanwhile
    with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
        run()
    torch.cuda.synchronize()
    return graph
