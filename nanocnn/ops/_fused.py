"""Activations whose slope follows from the output can be done where the output is made."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from .._backend import current_backend
from ._checks import Array

FUSED = ("relu", "sigmoid", "tanh")


def check_fused(where: str, activation: str | None) -> None:
    """Raise ValueError unless the activation is one that can be fused."""
    if activation is not None and activation not in FUSED:
        raise ValueError(
            f"{where}: activation must be None or one of {', '.join(map(repr, FUSED))}, got "
            f"{activation!r}; call any other one on the result"
        )


def forward_with_activation(
    rung: ModuleType, name: str, args: tuple[Any, ...], activation: str | None
) -> Array:
    """Call `name` on the rung, followed by the activation."""
    if current_backend() == "numba":
        y: Array = getattr(rung, name)(*args, activation)  # on the way out of the registers
        return y
    y = getattr(rung, name)(*args)
    return getattr(rung, f"{activation}_forward")(y) if activation else y


def backward_through_activation(
    rung: ModuleType,
    bias_name: str,
    dy: Array,
    y: Array | None,
    activation: str | None,
    need_db: bool,
) -> tuple[Array, Array | None]:
    """Return dz and db, where y = activation(z) and z = ... + b."""
    if activation is None:
        return dy, getattr(rung, bias_name)(dy) if need_db else None
    if current_backend() == "numba" and need_db:
        dz, db = rung.fused_backward(dy, y, activation)
        return dz, db
    dz = getattr(rung, f"{activation}_backward")(dy, y)
    return dz, getattr(rung, bias_name)(dz) if need_db else None
