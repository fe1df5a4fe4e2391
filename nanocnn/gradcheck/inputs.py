"""The inputs of a function: which are checked, what they are called, each as a subject."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanocnn._backend import backend
from nanocnn.gradcheck.compare import Subject
from nanocnn.gradcheck.diagnose import variants

Array = NDArray[Any]


def widen(a: Any) -> Any:
    return a.astype(np.float64) if is_float(a) else a


def is_float(a: Any) -> bool:
    return isinstance(a, np.ndarray) and a.dtype.kind == "f"


def copied(a: Any) -> Any:
    return a.copy() if isinstance(a, np.ndarray) else a


def title_of(kind: str, name: str | None, function: Any) -> str:
    """Return "check_op conv2d_forward"; options that were bound by partial are left out."""
    inner = function.func if isinstance(function, functools.partial) else function
    return f"{kind} {name or getattr(inner, '__name__', type(inner).__name__)}"


def names_of(forward: Callable[..., Any], count: int) -> list[str]:
    """Return the names of forward's first parameters, or numbers where it does not tell."""
    try:
        parameters = inspect.signature(forward).parameters.values()
        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        names = [p.name for p in parameters if p.kind in positional][:count]
    except (TypeError, ValueError):
        names = []
    return names + [f"input {k}" for k in range(len(names), count)]


def shuffled(x: Array, rng: np.random.Generator) -> Array:
    """Return the same numbers in another order: other inputs, from the same domain."""
    return rng.permutation(x.reshape(-1)).reshape(x.shape)


def in_order(returned: Any, count: int, floating: list[int]) -> list[Any] | None:
    """Return one gradient, or None, for each input; None if the number does not fit."""
    gradients = list(returned) if isinstance(returned, (tuple, list)) else [returned]
    while len(gradients) > count and gradients[-1] is None:  # db of an op that was given no b
        gradients.pop()
    if len(gradients) == count:
        return gradients
    if len(gradients) == len(floating):
        by_input = dict(zip(floating, gradients, strict=True))
        return [by_input.get(k) for k in range(count)]
    return None


def fault_of(gradient: Any, x: Array) -> str:
    """Return what is wrong with a gradient before its numbers are looked at, or ''."""
    if not isinstance(gradient, (np.ndarray, np.generic)):
        return f"gradient is a {type(gradient).__name__}, needed is an array"
    if gradient.shape != x.shape:
        hint = ""
        if gradient.shape[1:] == x.shape:
            hint = "; looks like: a missing sum over the batch"
        elif sorted(gradient.shape) == sorted(x.shape):
            hint = "; looks like: transposed"
        return f"gradient has shape {gradient.shape}, the input {x.shape}{hint}"
    if gradient.dtype != x.dtype:
        return f"gradient is {gradient.dtype} for inputs of {x.dtype}"
    return ""


def subject_of(
    k: int,
    forward: Callable[..., tuple[Any, Any]],
    values: list[Any],
    labels: list[str],
    dy: Array,
    gradient: Array,
    linear: bool | None,
    decoys: list[Any] | None,
) -> Subject:
    """Return input k as the subject of a comparison, all other inputs held at `values`."""
    real, forms = as_function_of(k, forward, values)

    def others() -> Iterator[tuple[str, Subject]]:
        def at(j: int, changed: list[Any]) -> Subject:
            return subject_of(j, forward, changed, labels, dy, gradient, linear, None)

        yield "that of another pass: its memory is not in the cache", at(k, decoys or values)
        for j, a in enumerate(values):
            if j == k or not is_float(a):
                continue
            for how, changed in variants(a):
                yield (
                    f"computed with {labels[j]} {how}",
                    at(k, [*values[:j], changed, *values[j + 1 :]]),
                )
            if a.shape == values[k].shape:
                yield f"the gradient of {labels[j]}", at(j, values)

    return Subject(
        labels[k], values[k], real, forms, dy, gradient, linear, others if decoys else None
    )


def as_function_of(
    k: int, forward: Callable[..., tuple[Any, Any]], values: list[Any]
) -> tuple[Callable[[Array], Array], list[Callable[[Array], Array]]]:
    """Return forward's output as a function of input k, and its forms for complex input."""
    wide = [a.astype(np.complex128) if is_float(a) else a for a in values]

    def real(x: Array) -> Array:
        return np.asarray(forward(*values[:k], x, *values[k + 1 :])[0])

    def complex_here(x: Array) -> Array:
        return np.asarray(forward(*wide[:k], x, *wide[k + 1 :])[0])

    def complex_in_numpy(x: Array) -> Array:
        with backend("vectorized"):  # the compiled rung takes real numbers only
            return complex_here(x)

    return real, [complex_here, complex_in_numpy]
