"""The processes that train one model together, each on a device of its own: all take the same
steps, along the mean of the gradients that each found on data of its own.
"""

from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

PATIENCE = timedelta(minutes=5)  # with the others


def add_arguments(option):
    """Options of every step that several processes can take."""
    option("--rank", default="0/1", help="K/N: this is process K of N that train together")
    option("--meet", default="", help="a file by which they find each other, new to them")


class Ranks:
    """One of them, and how it agrees with the others."""

    def __init__(self, args, device):
        self.place, self.count = map(int, args.rank.split("/"))
        self.device = device
        if self.count > 1:
            dist.init_process_group(
                "nccl" if device.type == "cuda" else "gloo",
                init_method=f"file://{Path(args.meet).absolute()}",
                rank=self.place,
                world_size=self.count,
                timeout=PATIENCE,
            )

    @property
    def first(self):
        """Whether this one tells, decides and saves."""
        return self.place == 0

    def mean(self, tensor):
        """Make ``tensor`` the mean of everyone's."""
        if self.count > 1:
            dist.all_reduce(tensor)
            tensor /= self.count

    def same(self, *tensors):
        """Make tensors those of the first."""
        if self.count > 1:
            for tensor in tensors:
                dist.broadcast(tensor, 0)

    def told(self, number):
        """The number that the first says."""
        if self.count == 1:
            return number
        said = torch.tensor([number], dtype=torch.float64, device=self.device)
        self.same(said)
        return said.item()

    def part(self):
        """Leave the others, at the end."""
        if self.count > 1:
            dist.destroy_process_group()
