"""The models of a cross-validation: what they are made of, and whether each is a new one."""

from __future__ import annotations

import hashlib
import inspect
from typing import Any

import numpy as np

from ..fingerprint import name_of


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


def make(build_model: Any, seed: int) -> Any:
    """Call the user's function, with a seed if it takes one."""
    try:
        takes_seed = "seed" in inspect.signature(build_model).parameters
    except (TypeError, ValueError):
        takes_seed = False
    return build_model(seed=seed) if takes_seed else build_model()


def check_is_new(model: Any, last: Any) -> None:
    """Raise if a fold's model has something in common with the one before it.

    Raises
    ------
    TypeError
        If it is no model.
    ValueError
        If it shares layers or its optimizer: it would have seen the test images.
    """
    if not hasattr(model, "fit") or not hasattr(model, "layers"):
        raise TypeError(f"build_model must return a compiled nanocnn.Sequential, got {model!r:.60}")
    model.objective()  # raises if it is not compiled
    if last is not None and (
        model is last
        or model.optimizer is last.optimizer
        or any(a is b for a in model.layers for b in last.layers)
    ):
        raise ValueError(
            "build_model returned layers or an optimizer of the fold before, which have learnt "
            "from this fold's test images; build everything inside the function"
        )
