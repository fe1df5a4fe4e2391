"""A training step of U-Net and ResNet-18 on PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ..networks import NETWORKS, weights_of
from ..workloads import LEARNING_RATE
from .torch_ import filters as filter_bank
from .torch_ import tensor


class Functions:
    def __init__(self, weights: list[torch.Tensor]) -> None:
        self.weights = iter(weights)

    def channels(self, x: torch.Tensor) -> int:
        return x.shape[1]

    def conv(
        self, x: torch.Tensor, filters: int, size: int, stride: int = 1, bias: bool = False
    ) -> torch.Tensor:
        w = next(self.weights)
        b = next(self.weights) if bias else None
        return F.conv2d(x, w, b, stride, size // 2)

    def norm(self, x: torch.Tensor) -> torch.Tensor:
        return F.batch_norm(x, None, None, next(self.weights), next(self.weights), training=True)

    def norm_relu(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.norm(x), inplace=True)

    def add_relu(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return F.relu(x + y, inplace=True)

    def pool(self, x: torch.Tensor) -> torch.Tensor:
        return F.max_pool2d(x, 2)

    def up(self, x: torch.Tensor, filters: int) -> torch.Tensor:
        return F.conv_transpose2d(x, next(self.weights), next(self.weights), 2)

    def concat(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.cat((x, y), dim=1)

    def mean_dense(self, x: torch.Tensor, classes: int) -> torch.Tensor:
        return F.linear(x.mean(dim=(2, 3)), next(self.weights), next(self.weights))


class Train:
    def __init__(self, network: str, data: dict[str, Any], last: bool) -> None:
        self.network = NETWORKS[network]
        self.weights = [self.weight(w, last).requires_grad_(True) for w in weights_of(data)]
        self.adam = torch.optim.Adam(self.weights, lr=LEARNING_RATE)
        self.x, self.labels = tensor(data["x"], last), torch.tensor(data["labels"])

    @staticmethod
    def weight(w: Any, last: bool) -> torch.Tensor:
        if w.ndim == 2:
            return torch.tensor(np.ascontiguousarray(w.T))
        return filter_bank(w, last) if w.ndim == 4 else torch.tensor(w)

    def step(self) -> float:
        self.adam.zero_grad(set_to_none=True)
        loss = F.cross_entropy(self.network(Functions(self.weights), self.x), self.labels)
        loss.backward()
        self.adam.step()
        return float(loss)

    def outputs(self) -> dict[str, Any]:
        return {"losses": np.array([self.step() for _ in range(3)])}

    def run(self) -> None:
        self.step()
