"""Parameters and state of a model, taken out and put back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..layers.base import Array

Weights = dict[str, dict[str, Array]]  # "params" and "state"


def copy_weights(model: Any) -> Weights:
    """Return copies of all parameters and of all state, such as running statistics."""
    return {
        "params": {name: p.copy() for name, p in model.params.items()},
        "state": {name: np.array(s) for name, s in model.state.items()},
    }


def put_weights(model: Any, weights: Weights) -> None:
    """Write copies back; parameters stay the same arrays, as others may hold them."""
    for name, p in model.params.items():
        p[...] = weights["params"][name]
    model.state = {name: s.copy() for name, s in weights["state"].items()}
