"""Every exported optimizer, five steps of a matrix and a vector, by PyTorch in float64.

nanocnn decays matrices only unless it is told otherwise; PyTorch decays what is in a group that
decays. Clipping by norm is written out: PyTorch's own function adds 1e-6 to the norm.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from .formula import numbers
from .torch_common import leaf
from .values import Values

STEPS = 5
OWN = {  # how PyTorch calls nanocnn's settings
    "learning_rate": "lr",
    "rho": "alpha",
    "epsilon": "eps",
    "momentum": "momentum",
    "nesterov": "nesterov",
}


def save(v: Values, name: str, optimizer: str, **config: Any) -> None:
    """Save both parameters after each step with gradients small and large."""
    case = f"{optimizer}/{name}"
    w, b = leaf(numbers(f"{case}/w", (2, 3))), leaf(numbers(f"{case}/b", (3,)))
    start = {"w": w.detach().numpy().copy(), "b": b.detach().numpy().copy()}
    gw = numbers(f"{case}/gw", (STEPS, 2, 3)) * [1 / 1024, 1 / 8, 16.0]
    gb = numbers(f"{case}/gb", (STEPS, 3)) * 2
    stepper = make(optimizer, w, b, config)
    after: dict[str, list[Any]] = {"w": [], "b": []}
    for one, other in zip(gw, gb, strict=True):
        w.grad, b.grad = (torch.tensor(g) for g in clipped(one, other, config))
        stepper.step()
        after["w"].append(w.detach().numpy().copy())
        after["b"].append(b.detach().numpy().copy())
    saved = {f"after_{key}": np.array(values) for key, values in after.items()}
    v.save(case, config, **start, gw=gw, gb=gb, **saved)


def make(optimizer: str, w: Any, b: Any, config: dict[str, Any]) -> torch.optim.Optimizer:
    """Return PyTorch's optimizer, with or without decay for the vector."""
    own = {OWN[key]: value for key, value in config.items() if key in OWN}
    if "beta1" in config:
        own["betas"] = (config["beta1"], config["beta2"])
    decay = config.get("weight_decay", 0.0)
    of_vectors = decay if config.get("decay_vectors") else 0.0
    groups = [{"params": [w], "weight_decay": decay}, {"params": [b], "weight_decay": of_vectors}]
    kind: Any = getattr(torch.optim, optimizer)
    return kind(groups, **own)


def clipped(gw: Any, gb: Any, config: dict[str, Any]) -> tuple[Any, Any]:
    """Clip each element, or both arrays by their common norm."""
    if limit := config.get("clip_value"):
        return np.clip(gw, -limit, limit), np.clip(gb, -limit, limit)
    if limit := config.get("clip_norm"):
        norm = np.sqrt(np.sum(gw**2) + np.sum(gb**2))
        scale = min(1.0, limit / norm)
        return gw * scale, gb * scale
    return gw, gb


def add(v: Values) -> None:
    """Compute all cases."""
    save(v, "plain", "SGD", learning_rate=0.05)
    save(v, "momentum", "SGD", learning_rate=0.05, momentum=0.9, weight_decay=0.1)
    nesterov = {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1, "decay_vectors": True}
    save(v, "nesterov", "SGD", learning_rate=0.05, **nesterov)
    save(v, "clipped norm", "SGD", learning_rate=0.05, clip_norm=4.0, momentum=0.5)
    save(v, "clipped value", "SGD", learning_rate=0.05, clip_value=0.5)
    rms = {"learning_rate": 0.02, "rho": 0.95, "epsilon": 1e-3}
    save(v, "plain", "RMSprop", **rms)
    save(v, "momentum", "RMSprop", **rms, momentum=0.7, weight_decay=0.2, decay_vectors=True)
    adam = {"learning_rate": 0.03, "beta1": 0.85, "beta2": 0.97, "epsilon": 1e-3}
    save(v, "plain", "Adam", **adam)
    save(v, "decay", "Adam", **adam, weight_decay=0.2)
    save(v, "clipped norm", "Adam", **adam, clip_norm=2.0)
    save(v, "plain", "AdamW", **adam, weight_decay=0.2)
    save(v, "vectors too", "AdamW", **adam, weight_decay=0.2, decay_vectors=True)
