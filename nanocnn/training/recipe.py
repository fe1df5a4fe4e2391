"""The models of many trainings: what they are made of, and whether each is a new one."""

from __future__ import annotations

import hashlib
import inspect
from typing import Any

import numpy as np

from .fingerprint import name_of


def describe_model(model: Any) -> dict[str, Any]:
    """Return architecture, first parameters, optimizer, loss and metrics."""
    values = hashlib.blake2b(digest_size=16)
    for name, p in model.params.items():
        values.update(name.encode())
        values.update(np.ascontiguousarray(p).tobytes())
    return {
        "model": repr(model),
        "parameters": values.hexdigest(),
        "optimizer": model.optimizer.get_config(),
        "loss": name_of(model.loss),
        "compiled metrics": [name_of(metric) for metric in model.metrics],
    }


def make(build: Any, seed: int, **values: Any) -> Any:
    """Call the user's function with its values, and with a seed if it takes one."""
    try:
        takes_seed = "seed" in inspect.signature(build).parameters
    except (TypeError, ValueError):
        takes_seed = False
    return build(**{"seed": seed, **values} if takes_seed else values)


def check_is_new(model: Any, last: Any, name: str = "build_model", before: str = "fold") -> None:
    """Raise if a model has something in common with the one before it.

    Raises
    ------
    TypeError
        If it is no model.
    ValueError
        If it shares layers or its optimizer: it would have seen the images that it is tested on.
    """
    if not hasattr(model, "fit") or not hasattr(model, "layers"):
        raise TypeError(f"{name} must return a compiled nanocnn.Sequential, got {model!r:.60}")
    model.objective()  # raises if it is not compiled
    if last is not None and (
        model is last
        or model.optimizer is last.optimizer
        or any(a is b for a in model.layers for b in last.layers)
    ):
        raise ValueError(
            f"{name} returned layers or an optimizer of the {before} before, which have learnt "
            "already; build everything inside the function"
        )
