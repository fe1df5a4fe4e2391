"""The error of each method against its step size: the familiar V, and the line below it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanocnn.gradcheck.methods import CentralDifferences, ComplexStep, Method, contract
from nanocnn.gradcheck.report import Curve

Array = NDArray[Any]

STEPS = np.logspace(0, -14, 29)


def trace(
    method: Method, differences: CentralDifferences, gradient: Array, t: Array
) -> list[Curve]:
    """Return the error of central differences, and of the complex step where that is the method.

    Parameters
    ----------
    method : the method of the row
    differences : the same function for central differences
    gradient : array
        What backward returned.
    t : array
        The direction; it is scaled to a root mean square of 1.

    Notes
    -----
    The error is abs(analytic - numeric) over the size of the terms of the analytic sum. Central
    differences are wrong by about h^2 (truncation) plus eps / h (rounding), a V with its lowest
    point near h = eps^(1/3), 6e-6. A linear function has no truncation: only the right arm is left.
    """
    t = t / np.sqrt(np.mean(np.square(t)))
    analytic = float(np.sum(gradient * t))
    curves: list[tuple[str, Callable[[float], float]]] = [
        ("central differences", lambda h: sum(differences.slopes(t, h)) / 2)
    ]
    if isinstance(method, ComplexStep):
        curves.append(("complex step", lambda h: _complex_slope(method, t, h)))
    found = []
    for name, slope in curves:
        with np.errstate(all="ignore"):
            numeric = np.array([slope(float(h)) for h in STEPS])
            size = max(float(np.linalg.norm(gradient * t)), abs(analytic), differences.floor)
            found.append(Curve(name, STEPS, np.abs(numeric - analytic) / size))
    return found


def _complex_slope(method: ComplexStep, t: Array, h: float) -> float:
    y = method.f(method.x + 1j * h * t)
    return float(contract(method.dy, y).imag) / h
