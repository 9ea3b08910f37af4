"""Muon (K. Jordan, 2024): momentum whose matrix is made orthogonal before it is taken as a step, so
that all its directions learn at one pace.

torch's own takes matrices only, one after the other, and reads its rate on the host, which no CUDA
graph can; the steps are the same.
"""

from itertools import groupby

import torch

from .streams import beside

QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan's: singular values come near 1 in five rounds
ROUNDS = 5
LEAST = 8  # smallest side of a matrix that is worth it


def is_matrix(p):
    """Whether ``p`` (rows, ...) has two sides to speak of."""
    return p.ndim > 1 and min(len(p), p[0].numel()) >= LEAST


def orthogonal(matrices):
    """Near U V' of each of the matrices (n, rows, columns) = U S V'."""
    a, b, c = QUINTIC
    x = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    for _ in range(ROUNDS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """For parameters (rows, ...), each a matrix (rows, rest); those of one shape take their steps
    together.

    ``lr`` is a tensor, the step's largest singular value, times sqrt(rows / rest) if that is above
    1. Where ``found_inf`` is 1, nothing changes.
    """

    def __init__(self, groups, momentum=0.95, weight_decay=0.0):
        super().__init__(groups, {"momentum": momentum, "weight_decay": weight_decay})
        self.found_inf = torch.zeros(())

    @torch.no_grad()
    def step(self):
        """One step along the gradients."""
        with beside(self.param_groups[0]["params"][0].device) as turn:
            for group in self.param_groups:
                for _, alike in groupby(sorted(group["params"], key=_shape), key=_shape):
                    with turn():
                        self._together(list(alike), group)

    def _together(self, parameters, group):
        bad = self.found_inf > 0
        gradient = torch.stack([p.grad.flatten(1) for p in parameters])
        state = self.state[parameters[0]]
        if not state:
            state["momentum"] = torch.zeros_like(gradient)
        going, memory = state["momentum"], group["momentum"]
        gradient = torch.where(bad, going, gradient)
        going.lerp_(gradient, 1 - memory)
        rows, columns = gradient.shape[1:]
        pace = torch.where(bad, 0.0, group["lr"])
        change = orthogonal(gradient.lerp(going, memory)) * (pace * max(1, rows / columns) ** 0.5)
        if group["weight_decay"]:
            torch._foreach_mul_(parameters, 1 - pace * group["weight_decay"])
        parts = [part.view_as(p) for p, part in zip(parameters, change, strict=True)]
        torch._foreach_sub_(parameters, parts)


def _shape(p):
    return len(p), p[0].numel()
