"""One call of one function of a rung, to be compared and timed; and what must have such a case."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from nanocnn import config, kernels, losses, ops, reference, vectorized

RUNGS = {"loops": reference, "NumPy": vectorized, "kernels": kernels}
NO_CASE = {
    "conv_output_size",  # (C0) gives a number, no array
    "add_backward",  # hands dy on
    *("layer_norm_forward", "layer_norm_backward"),  # group normalization of rows
    *("soft_dice", "dice_cross_entropy"),  # the Tversky loss with numbers of their own
}


class Case(NamedTuple):
    """One call to time.

    Attributes
    ----------
    function : str
        Its name on every rung.
    shape : str
        For tables.
    make : function
        Returns the arguments, arrays in float32.
    flops, bytes : float
        Of one call, counted by the rules in `benchmarks.calls`.
    direct : bool
        Whether the kernels must leave Winograd's convolution aside.
    in_place : bool
        Whether the first array and those behind the second are changed, and nothing is returned.
    """

    function: str
    shape: str
    make: Callable[[], tuple[Any, ...]]
    flops: float
    bytes: float
    direct: bool = False
    in_place: bool = False

    @property
    def title(self) -> str:
        return f"{self.function}, direct" if self.direct else self.function

    def on(self, rung: ModuleType, args: tuple[Any, ...]) -> Callable[[], Any]:
        """Return the call itself, with nothing left to look up."""
        run = partial(function_of(rung, self.function), *args)
        return partial(_without_winograd, run) if self.direct else run

    def outputs(self, rung: ModuleType, args: tuple[Any, ...], dtype: Any) -> list[Any]:
        """Return all results on copies of the arguments, float32 turned into `dtype`.

        The winners of what was computed on the way are left out: of two values that are about
        equal one may win in float32 and the other one in float64.
        """
        given = tuple(_copied(a, dtype) for a in args)
        found = self.on(rung, given)()
        if self.in_place:
            changed = [a for a in given if isinstance(a, np.ndarray)]
            return [changed[0], *changed[2:]]  # p and its state; g stays as it is
        if self.function == "conv2d_max_pool2d_forward":
            return [found[0]]
        return list(found) if isinstance(found, tuple) else [found]

    def predicted(self, limits: tuple[float, float]) -> float:
        """Return the seconds at the machine's limits, operations and bytes a second."""
        peak, bandwidth = limits
        return max(self.flops / peak, self.bytes / bandwidth)

    def is_arithmetic(self, limits: tuple[float, float]) -> bool:
        """Tell whether the operations take longer than the bytes."""
        peak, bandwidth = limits
        return self.flops / peak > self.bytes / bandwidth


def _without_winograd(run: Callable[[], Any]) -> Any:
    with config.winograd(False):
        return run()


def _copied(a: Any, dtype: Any) -> Any:
    if not isinstance(a, np.ndarray):
        return a
    return a.astype(dtype if a.dtype == np.float32 else a.dtype)


def _fused(rung: ModuleType, dy: Any, y: Any, activation: str) -> tuple[Any, Any]:
    dz = getattr(rung, f"{activation}_backward")(dy, y)
    return dz, rung.conv2d_backward_bias(dz)


def _weight_and_bias(rung: ModuleType, dy: Any, *args: Any) -> tuple[Any, Any]:
    return rung.conv2d_backward_weight(dy, *args), rung.conv2d_backward_bias(dy)


def _conv_pool(rung: ModuleType, x: Any, w: Any, b: Any, *args: Any) -> tuple[Any, Any]:
    *geometry, activation, window, steps, around = args
    z = getattr(rung, f"{activation}_forward")(rung.conv2d_forward(x, w, b, *geometry))
    return rung.max_pool2d_forward(z, window, steps, around)


def _overlap(
    rung: ModuleType, z: Any, labels: Any, s: Any, w: Any, c: Any, *prices: float
) -> tuple[Any, Any]:
    q = np.eye(z.shape[-1])[labels]
    loss, dz = rung.tversky(z, q, s, c, *prices)
    rows, weights = (labels.size, z.shape[-1]), (s * w[labels]).reshape(-1) * labels.size
    more, dmore = rung.softmax_cross_entropy(z.reshape(rows), q.reshape(rows), weights)
    return loss + more, dz + dmore.reshape(z.shape)


# What the compiled rung does in one pass, in two passes, as `nanocnn.ops` does it elsewhere.
IN_TWO_PASSES: dict[str, Callable[..., Any]] = {
    "fused_backward": _fused,
    "conv2d_backward_weight_and_bias": _weight_and_bias,
    "conv2d_max_pool2d_forward": _conv_pool,
    "tversky_cross_entropy": _overlap,
}


def function_of(rung: ModuleType, name: str) -> Any:
    """Return the rung's function of that name, or None where it has none."""
    if name in IN_TWO_PASSES and not hasattr(rung, name):
        return partial(IN_TWO_PASSES[name], rung)
    return getattr(rung, name, None)


def exported() -> set[str]:
    """Return the names of all functions that the rungs, `ops` and `losses` export.

    A backward pass of `ops` that the rungs do gradient by gradient is known by the gradients.
    """
    names = {n for rung in RUNGS.values() for n in rung.__all__ if callable(getattr(rung, n))}
    names |= {n for n in losses.__all__ if n != "get"}
    names |= {n for n in ops.__all__ if not any(known.startswith(f"{n}_") for known in names)}
    return names - NO_CASE


def without_case(cases: Iterable[Case]) -> list[str]:
    """Return what is exported and has no case."""
    return sorted(exported() - {case.function for case in cases})
