"""What the libraries are asked to do: the same numbers, and the cost that can be counted by hand.

Weights and images come from seeded generators and go to every library's process as an .npz file.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from . import networks

ARTICLE = "article"
LEARNING_RATE = 1e-3
SHAPES = {  # of the article's network, in nanocnn's layout
    "conv1.w": (3, 3, 3, 32),
    "conv1.b": (32,),
    "conv2.w": (3, 3, 32, 64),
    "conv2.b": (64,),
    "dense1.w": (57600, 64),
    "dense1.b": (64,),
    "dense2.w": (64, 2),
    "dense2.b": (2,),
}
# (output height and width, channels in, channels out), and of convolutions multiply-adds per image
ARTICLE_CONVS = (((126, 126), 27, 32), ((61, 61), 288, 64))


class Workload(NamedTuple):
    """One thing to time.

    Attributes
    ----------
    name : str
    kind : "train", "predict", "conv", "job" or "network"
    batch : int
    size, channels, filters, kernel, stride : int
        Of a single convolution; padding is half the kernel.
    network : str
        Of a training step of one of `networks`.
    """

    name: str
    kind: str
    batch: int
    size: int = 128
    channels: int = 3
    filters: int = 32
    kernel: int = 3
    stride: int = 1
    network: str = ""

    @property
    def out(self) -> int:
        """Height and width of a single convolution's output."""
        return (self.size + 2 * (self.kernel // 2) - self.kernel) // self.stride + 1

    def flops(self) -> float:
        """Operations, a multiply-add being two; only convolutions and dense layers count."""
        if self.kind == "network":
            return networks.cost(self.network).flops
        if self.kind == "conv":
            sums = self.out**2 * self.kernel**2 * self.channels * self.filters
            return 3 * 2.0 * self.batch * sums  # forward, dx and dw
        convs = [math.prod(place) * depth * f for place, depth, f in ARTICLE_CONVS]
        dense = 57600 * 64 + 64 * 2
        forward = 2.0 * self.batch * (sum(convs) + dense)
        if self.kind == "predict":
            return forward
        step = forward + 2 * forward - 2.0 * self.batch * convs[0]  # the first layer needs no dx
        return step * (JOB_STEPS if self.kind == "job" else 1)

    def bytes(self) -> float:
        """Bytes of float32 arrays that have to be read and written at least once."""
        if self.kind == "network":
            return networks.cost(self.network).bytes
        if self.kind == "conv":
            x = self.batch * self.size**2 * self.channels
            y = self.batch * self.out**2 * self.filters
            w = self.kernel**2 * self.channels * self.filters
            return 4.0 * 3 * (x + y + w)  # three passes, each over three arrays
        maps = (128 * 128 * 3, 126 * 126 * 32, 63 * 63 * 32, 61 * 61 * 64, 30 * 30 * 64)
        weights = 57600 * 64
        forward = 4.0 * (self.batch * (maps[0] + 2 * sum(maps[1:])) + weights)
        if self.kind == "predict":
            return forward
        # Backward reads and writes the maps again; Adam reads p, g, m, v and writes p, m, v.
        step = 2.5 * forward + 4.0 * 8 * weights
        return step * (JOB_STEPS if self.kind == "job" else 1)


JOB_IMAGES, JOB_EPOCHS = 1000, 10
JOB_STEPS = JOB_EPOCHS * math.ceil(JOB_IMAGES / 32)


def article_workloads() -> list[Workload]:
    """Return the article's training step, and its inference one by one and in a batch."""
    return [
        Workload("training step, batch 32", "train", 32),
        Workload("inference, batch 32", "predict", 32),
        Workload("inference, batch 1", "predict", 1),
    ]


def network_workloads() -> list[Workload]:
    """Return a training step of U-Net and one of ResNet-18."""
    named = (("U-Net, 8 of 128x128x1", "unet"), ("ResNet-18, 64 of 28x28x1", "resnet18"))
    return [
        Workload(name, "network", networks.INPUTS[network][0], network=network)
        for name, network in named
    ]


def job_workload() -> Workload:
    """Return the whole job: 1000 images, 10 epochs."""
    return Workload("the article's job", "job", 32)


def conv_grid() -> list[Workload]:
    """Return single convolutions, at most 40, each with the largest batch up to 32 that fits.

    It fits within 4 GFLOP (forward) and 200 MB of x and y.
    """
    found = []
    for channels, filters, size in GRID:
        for kernel in (3, 1):
            for stride in (1, 2):
                if kernel == 1 and (stride == 2 or channels == 3):
                    continue
                w = Workload("", "conv", 1, size, channels, filters, kernel, stride)
                one = w.flops() / 3
                memory = 4.0 * (size**2 * channels + w.out**2 * filters)
                batch = int(max(1, min(32, 4e9 // one, 200e6 // memory)))
                name = f"{kernel}x{kernel}/{stride} {channels}->{filters} {size}x{size} N={batch}"
                found.append(w._replace(name=name, batch=batch))
    return found[:40]


GRID = (  # channels in, channels out, height and width
    (3, 32, 128),
    (3, 64, 256),
    (16, 16, 128),
    (16, 32, 64),
    (32, 64, 63),
    (32, 32, 32),
    (64, 64, 32),
    (64, 128, 16),
    (128, 128, 16),
    (128, 256, 8),
    (256, 256, 8),
    (256, 512, 4),
    (512, 512, 4),
    (512, 512, 8),
)


def make_data(w: Workload, seed: int = 0) -> dict[str, Any]:
    """Return weights and inputs of a workload, float32, labels int64."""
    if w.kind == "network":
        return networks.make_data(w.network, seed)
    rng = np.random.default_rng(seed)

    def normal(*shape: int, scale: float = 1.0) -> np.ndarray:
        return (scale * rng.standard_normal(shape)).astype(np.float32)

    if w.kind == "conv":
        fan = w.kernel**2 * w.channels
        return {
            "x": normal(w.batch, w.size, w.size, w.channels),
            "w": normal(w.kernel, w.kernel, w.channels, w.filters, scale=fan**-0.5),
            "b": normal(w.filters),
            "dy": normal(w.batch, w.out, w.out, w.filters),
        }
    data = {}
    for name, shape in SHAPES.items():
        fan = math.prod(shape[:-1]) if len(shape) > 1 else 1
        data[name] = normal(*shape, scale=fan**-0.5 if len(shape) > 1 else 0.0)
    images = JOB_IMAGES if w.kind == "job" else w.batch
    data["x"] = rng.random((images, 128, 128, 3), np.float32)
    data["labels"] = rng.integers(0, 2, images)
    return data
