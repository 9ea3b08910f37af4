"""Optimiser steps that a bad gradient cannot spoil, with or without a CUDA graph around them."""

import torch

from .muon import Muon


class Optimiser:
    """AdamW, and Muon for matrices, at rates that a captured graph sees change.

    Of each there are groups: dicts of ``params``, ``lr``, the rate to which ``set_rate`` is a
    factor, and what else the optimiser takes.
    """

    def __init__(self, device, adam=(), muon=(), betas=(0.9, 0.999)):
        self.fused = device.type == "cuda"
        self.bases = [group["lr"] for group in (*adam, *muon)]
        self.rates = [torch.zeros((), device=device) for _ in self.bases]
        given = iter(self.rates)
        adam, muon = ([group | {"lr": next(given)} for group in groups] for groups in (adam, muon))
        like = {"fused": self.fused, "capturable": self.fused, "foreach": False}
        self.parts = []
        if adam:
            self.parts.append(torch.optim.AdamW(adam, betas=betas, weight_decay=0.0, **like))
        if muon:
            self.parts.append(Muon(muon))
        self.parameters = [p for group in self._groups() for p in group["params"]]

    def set_rate(self, factor):
        """Set every learning rate to ``factor`` times its base."""
        for rate, base in zip(self.rates, self.bases, strict=True):
            rate.fill_(base * factor)

    def step(self, clip):
        """Clip the gradient's norm and step, or do not step if it is not finite; returns the
        norm.
        """
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, clip)
        bad = ~torch.isfinite(norm)
        for part in self.parts:
            if self.fused or isinstance(part, Muon):
                part.found_inf = bad.float()  # it looks at it without asking the device
                part.step()
            elif not bad:
                part.step()
        return norm

    def forget(self):
        """Forget where the weights were going, and trust the gradients half as much."""
        for part in self.parts:
            for state in part.state.values():
                for name, value in state.items():
                    if name == "exp_avg_sq":
                        value.mul_(4)
                    elif name != "step":
                        value.zero_()

    def state_dict(self):
        """What ``load_state_dict`` takes."""
        return [part.state_dict() for part in self.parts]

    def load_state_dict(self, kept):
        """Go on from there; the rates stay the tensors that a captured graph reads."""
        for part, state in zip(self.parts, kept, strict=True):
            part.load_state_dict(state)
        for rate, group in zip(self.rates, self._groups(), strict=True):
            group["lr"] = rate

    def _groups(self):
        return [group for part in self.parts for group in part.param_groups]


def side_by_side(parameters):
    """A tensor of zeros in which the gradients of all parameters have their places from now on."""
    sizes = [p.numel() for p in parameters]
    flat = torch.zeros(sum(sizes), device=parameters[0].device)
    for p, part in zip(parameters, flat.split(sizes), strict=True):
        p.grad = part.view_as(p)
    return flat


def fill(flat, loss, parameters):
    """Put the gradients of ``loss`` where ``side_by_side`` has their places, all at once: adding
    each to what is there costs a kernel for each.
    """
    found = torch.autograd.grad(loss, parameters, materialize_grads=True)
    torch.cat([gradient.flatten() for gradient in found], out=flat)


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
