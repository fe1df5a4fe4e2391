"""Every exported schedule by PyTorch's, as factors of a rate of 1, where the two agree.

PyTorch's one-cycle counts from the first step to the last one, 1 less than there are steps, and
its peak is a step early; its plateau steps one epoch later. The settings say so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import lr_scheduler as torch_schedulers

from .values import Values

STEPS = 21
VALUES = [3.0, 2.5, 2.45, 2.41, 2.6, 1.0, 1.2, 1.2, 0.95, 1.1, 1.3, 1.2, 0.85, 0.5, 0.6, 0.7, 0.8]


def rates(make: Callable[[Any], Any], watched: list[float] | None = None) -> list[float]:
    """Return the rate before each step, or, where values are watched, after each epoch."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = make(optimizer)
    found = []
    if watched is not None:
        for value in watched:
            schedule.step(value)
            found.append(float(optimizer.param_groups[0]["lr"]))
        return found
    for _ in range(STEPS):
        found.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        schedule.step()
    return found


def save(
    v: Values, case: str, make: Callable[[Any], Any], epochs: int, per_epoch: int, **settings: Any
) -> None:
    """Save the factors of a schedule that PyTorch steps so many times an epoch."""
    t = torch.arange(STEPS, dtype=torch.float64) / per_epoch
    factors = torch.tensor(rates(make), dtype=torch.float64)
    v.save(case, {"epochs": epochs, "settings": settings}, t=t, factors=factors)


def warm(optimizer: Any) -> Any:
    """Return a line for 6 steps, then a cosine."""
    line = torch_schedulers.LinearLR(optimizer, start_factor=0.01, total_iters=6)
    cosine = torch_schedulers.CosineAnnealingLR(optimizer, T_max=15, eta_min=0.2)
    return torch_schedulers.SequentialLR(optimizer, [line, cosine], milestones=[6])


def add(v: Values) -> None:
    """Compute all cases."""
    schedulers: Any = torch_schedulers
    save(v, "Step/every", lambda o: schedulers.StepLR(o, 6, 0.5), 7, 3, at=2, gamma=0.5)
    save(v, "Step/some", lambda o: schedulers.MultiStepLR(o, [3, 12]), 7, 3, at=[1, 4])
    save(v, "Cosine/plain", lambda o: schedulers.CosineAnnealingLR(o, 21, 0.1), 7, 3, floor=0.1)
    save(v, "Cosine/warm", warm, 7, 3, warmup=2, floor=0.2)
    one_cycle = {"max_lr": 1.0, "total_steps": STEPS, "cycle_momentum": False}
    save(v, "OneCycle/default", lambda o: schedulers.OneCycleLR(o, **one_cycle), 4, 5,
         peak=(0.3 * STEPS - 1) / (STEPS - 1), start=1 / 25, end=1 / 25 / 1e4)  # fmt: skip
    save(v, "OneCycle/own",
         lambda o: schedulers.OneCycleLR(
             o, **one_cycle, pct_start=0.5, div_factor=5.0, final_div_factor=2.0),
         4, 5, peak=(0.5 * STEPS - 1) / (STEPS - 1), start=0.2, end=0.1)  # fmt: skip
    for mode, sign in (("min", 1), ("max", -1)):
        watched = [sign * value for value in VALUES]
        factors = rates(
            lambda o, mode=mode: schedulers.ReduceLROnPlateau(  # type: ignore[misc]
                o, mode, factor=0.5, patience=1, threshold=0.1, threshold_mode="abs", min_lr=0.2
            ),
            watched,
        )
        settings = {"gamma": 0.5, "patience": 2, "min_delta": 0.1, "mode": mode, "floor": 0.2}
        saved = {"values": watched, "factors": factors}
        arrays = {name: torch.tensor(a, dtype=torch.float64) for name, a in saved.items()}
        v.save(f"OnPlateau/{mode}", {"settings": settings}, **arrays)
