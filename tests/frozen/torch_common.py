"""What the scripts share that compute with PyTorch: tensors, layouts, padding, upstream."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from .formula import numbers


def leaf(array: np.ndarray) -> torch.Tensor:
    """Make a float64 tensor that collects a gradient."""
    return torch.tensor(array, dtype=torch.float64, requires_grad=True)


def nchw(x: torch.Tensor) -> torch.Tensor:
    """(N, H, W, C) -> (N, C, H, W), PyTorch's layout; gradients find their way back through it."""
    return x.permute(0, 3, 1, 2)


def nhwc(x: torch.Tensor) -> torch.Tensor:
    """(N, C, H, W) -> (N, H, W, C)."""
    return x.permute(0, 2, 3, 1)


def pad(x: torch.Tensor, padding: Any, value: float = 0.0) -> torch.Tensor:
    """Pad (N, C, H, W) by ((top, bottom), (left, right))."""
    return F.pad(x, (*padding[1], *padding[0]), value=value)


def average(x: torch.Tensor, window: Any, stride: Any, padding: Any) -> torch.Tensor:
    """Average (N, C, H, W) over the real pixels, with padding of any kind on four sides."""
    total = F.avg_pool2d(pad(x, padding), window, stride)
    return total / F.avg_pool2d(pad(torch.ones_like(x), padding), window, stride)


def backward(y: torch.Tensor, case: str) -> np.ndarray:
    """Run the backward pass with an upstream gradient that looks random, and return that."""
    dy = numbers(f"{case}/dy", tuple(y.shape), 2.0)
    y.backward(torch.tensor(dy))
    return dy
