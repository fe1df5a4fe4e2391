"""Twenty steps of the article's network by PyTorch, in float64 and in float32."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from .article import LEARNING_RATE, STEPS, batch, weights
from .torch_common import nchw, nhwc
from .values import Values


def losses(dtype: torch.dtype) -> list[float]:
    """Return the loss before each step."""
    p = {name: torch.tensor(w, dtype=dtype, requires_grad=True) for name, w in weights().items()}
    images, labels = batch()
    x, target = nchw(torch.tensor(images, dtype=dtype)), torch.tensor(labels)
    adam = torch.optim.Adam(p.values(), lr=LEARNING_RATE, betas=(0.9, 0.999), eps=1e-8)
    found = []
    for _ in range(STEPS):
        adam.zero_grad()
        loss = F.cross_entropy(forward(p, x), target)
        loss.backward()
        adam.step()
        found.append(loss.item())
    return found


def forward(p: dict[str, Any], x: torch.Tensor) -> torch.Tensor:
    """Return the logits; images lie in PyTorch's layout, but are flattened in nanocnn's."""
    for layer in ("conv2d_1", "conv2d_2"):
        z = F.conv2d(x, p[f"{layer}.w"].permute(3, 2, 0, 1), p[f"{layer}.b"])
        x = F.max_pool2d(torch.relu(z), 2)
    h = nhwc(x).flatten(1)
    h = torch.relu(h @ p["dense_1.w"] + p["dense_1.b"])
    return h @ p["dense_2.w"] + p["dense_2.b"]


def add(v: Values) -> None:
    """Compute both runs."""
    for name, dtype in (("float64", torch.float64), ("float32", torch.float32)):
        v.save(f"article/{name}", {}, losses=torch.tensor(losses(dtype), dtype=torch.float64))
