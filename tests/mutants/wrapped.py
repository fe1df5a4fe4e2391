"""Wrong backward passes made around the right ones, by rules that know nothing of the operation.

What changes is the gradient that arrives, the gradient that is returned, or what is remembered from
call to call. Every rule is applied to every operation of `nanocnn.ops`, and where a pass returns
several gradients, to each.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from nanocnn import ops
from nanocnn.gradcheck.cases import exported_ops

from .cases import CASES, Case

Backward = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class WrappedMutant:
    """One wrong backward pass of an operation.

    Attributes
    ----------
    name, op : str
    case : Case
        The input on which it is checked.
    make : function `(right backward) -> wrong backward`
        Called anew for each check, so that no memory outlives it.
    """

    name: str
    op: str
    case: Case
    make: Callable[[Backward], Backward]


def _cut(a: Any) -> Any:
    b = np.zeros_like(a)
    b[:1] = a[:1]
    return b


def _touch(a: Any, factor: float) -> Any:
    """Return a copy whose largest element is changed."""
    b = a.copy()
    b.flat[np.abs(a).argmax()] *= factor
    return b


UPSTREAM = {
    "only the first sample's dy is used": _cut,
    "the batch of dy is reversed": lambda dy: dy[::-1].copy(),
    "the last axis of dy is reversed": lambda dy: dy[..., ::-1].copy(),
    "dy loses its sign": np.abs,
    "negative dy is cut off": lambda dy: np.maximum(dy, 0),
    "only the sign of dy is used": np.sign,
    "dy is clipped at half its largest": lambda dy: dy.clip(-abs(dy).max() / 2, abs(dy).max() / 2),
    "the mean is taken off dy": lambda dy: dy - dy.mean(),
    "dy is divided by its norm": lambda dy: dy / np.linalg.norm(dy),
    "dy is averaged over the batch": lambda dy: np.tile(
        dy.mean(axis=0), (len(dy), *[1] * (dy.ndim - 1))
    ),
}

RETURNED = {
    "is rounded to float32": lambda g: g.astype(np.float32).astype(g.dtype),
    "comes in float32": lambda g: g.astype(np.float32),
    "has NaN in one place": lambda g: _touch(g, np.nan),
    "has one element off by 1e-5": lambda g: _touch(g, 1 + 1e-5),
    "has one element missing": lambda g: _touch(g, 0),
    "has an axis too many": lambda g: g[None],
}


def wrapped() -> Iterator[WrappedMutant]:
    """Yield what the rules of this file make of every operation."""
    for op in exported_ops():
        case = CASES[op][0]
        d = [f"d{name}" for name in inspect.signature(getattr(ops, f"{op}_forward")).parameters]
        for text, change in UPSTREAM.items():
            yield WrappedMutant(f"{op}: {text}", op, case, _before(change))
        for k in range(len(case.shapes)):
            for text, change in RETURNED.items():
                yield WrappedMutant(f"{op}: {d[k]} {text}", op, case, _after(k, change))
            for axis, size in enumerate(case.shapes[k]):
                reverse = _reversed_along(axis)
                if size > 1:
                    text = f"{d[k]} reversed along axis {axis}"
                    yield WrappedMutant(f"{op}: {text}", op, case, _after(k, reverse))
        for text, make in REMEMBERED.items():
            yield WrappedMutant(f"{op}: {text}", op, case, make)
        for a, b in _alike(CASES[op][-1]):
            text = f"{d[a]} and {d[b]} exchanged"
            yield WrappedMutant(f"{op}: {text}", op, CASES[op][-1], _exchanged(a, b))


def as_tuple(gradients: Any) -> tuple[Any, ...]:
    """Return the gradients as a tuple: a pass with one input returns a bare array."""
    return gradients if isinstance(gradients, tuple) else (gradients,)


def right_backward(op: str) -> Backward:
    """Return the library's own backward pass."""
    return getattr(ops, f"{op}_backward")


def _before(change: Callable[[Any], Any]) -> Callable[[Backward], Backward]:
    return lambda right: lambda dy, cache: right(change(dy), cache)


def _after(k: int, change: Callable[[Any], Any]) -> Callable[[Backward], Backward]:
    def make(right: Backward) -> Backward:
        def backward(dy: Any, cache: Any) -> Any:
            gradients = as_tuple(right(dy, cache))
            return tuple(change(g) if i == k else g for i, g in enumerate(gradients))

        return backward

    return make


def _reversed_along(axis: int) -> Callable[[Any], Any]:
    return lambda g: np.flip(g, axis).copy()


def _exchanged(a: int, b: int) -> Callable[[Backward], Backward]:
    def make(right: Backward) -> Backward:
        def backward(dy: Any, cache: Any) -> Any:
            gradients = list(right(dy, cache))
            gradients[a], gradients[b] = gradients[b], gradients[a]
            return tuple(gradients)

        return backward

    return make


def _alike(case: Case) -> list[tuple[int, int]]:
    """Return the pairs of inputs that have one shape."""
    count = len(case.shapes)
    pairs = [(a, b) for a in range(count) for b in range(a + 1, count)]
    return [(a, b) for a, b in pairs if case.shapes[a] == case.shapes[b]]


def _adds_up(right: Backward) -> Backward:
    sums: list[Any] = []

    def backward(dy: Any, cache: Any) -> Any:
        gradients = as_tuple(right(dy, cache))
        sums[:] = [a + g for a, g in zip(sums, gradients, strict=True)] if sums else gradients
        return tuple(sums)

    return backward


def _one_late(right: Backward) -> Backward:
    """Use the dy of the call before."""
    memory: list[Any] = []

    def backward(dy: Any, cache: Any) -> Any:
        memory.append(dy.copy())
        return right(memory[-2] if len(memory) > 1 else dy, cache)

    return backward


def _first_result_kept(right: Backward) -> Backward:
    memory: list[Any] = []

    def backward(dy: Any, cache: Any) -> Any:
        memory.append(right(dy, cache))
        return copy.deepcopy(memory[0])

    return backward


def _writes_into_dy(right: Backward) -> Backward:
    def backward(dy: Any, cache: Any) -> Any:
        gradients = right(dy.copy(), cache)
        dy *= 0.5  # as a pass does that scales its upstream gradient in place
        return gradients

    return backward


def _too_many(right: Backward) -> Backward:
    def backward(dy: Any, cache: Any) -> Any:
        gradients = as_tuple(right(dy, cache))
        return (*gradients, gradients[0], gradients[0])

    return backward


REMEMBERED: dict[str, Callable[[Backward], Backward]] = {
    "gradients add up over calls": _adds_up,
    "the dy of the call before": _one_late,
    "the first call's gradients are kept": _first_result_kept,
    "dy is changed": _writes_into_dy,
    "two gradients too many": _too_many,
}
