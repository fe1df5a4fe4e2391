"""`check_op` and `check_loss`: gradients of plain functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nanocnn._backend import backend
from nanocnn.gradcheck.compare import Subject, compare
from nanocnn.gradcheck.methods import generator
from nanocnn.gradcheck.report import Report, Row

Array = NDArray[Any]

MAX_ELEMENTS = 200


def check_op(
    forward: Callable[..., tuple[Any, Any]],
    backward: Callable[[Array, Any], Any],
    *arrays: Any,
    linear_in: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
    name: str | None = None,
    seed: int = 0,
    max_elements: int = MAX_ELEMENTS,
) -> Report:
    """Check the gradients that `backward` returns, for every floating-point input of `forward`.

    The upstream gradient is drawn at random. The inputs are converted to float64. For each input
    the strongest method that applies is found: adjoint identity if the output is linear in it,
    complex step if `forward` takes complex numbers, central differences otherwise (see
    `nanocnn.gradcheck.methods`). Between the forward pass and its backward pass another forward
    and backward pass is made on other numbers, so that a pass which keeps its memory anywhere but
    in the cache is found out.

    Parameters
    ----------
    forward : function `(*arrays) -> (y, cache)`
        Bind options with a lambda or functools.partial. Randomness must be fixed (give a key).
    backward : function `(dy, cache) -> gradient or tuple of gradients`
        In the order of the arrays; None for an input that has no gradient.
    *arrays : arrays, or anything else that `forward` takes
        Floating-point arrays are checked, all other arguments are passed on.
    linear_in : sequence of int, optional
        Positions of inputs in which `forward` has to be linear; the check fails if it is not. By
        default linearity is found out from the numbers.
    names : sequence of str, optional
        Names for the rows, one for each of `arrays`; by default the parameters of `forward`.
    name : str, optional
        Title of the report; by default the name of `forward`.
    seed : int
    max_elements : int
        Up to this many elements of an input are probed one by one; beyond it a random choice of
        them, and random directions through all.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        If no input is a floating-point array, an input is empty, or `forward` is not repeatable
        or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).standard_normal(5)
    >>> forward = lambda x: (x**2, x)
    >>> bool(check_op(forward, lambda dy, x: 2 * x * dy, x))
    True
    >>> bool(check_op(forward, lambda dy, x: x * dy, x))
    False
    """
    rng = generator(seed)
    values = [_widen(a) for a in arrays]
    floating = [k for k, a in enumerate(values) if _is_float(a)]
    labels = _names(forward, len(arrays)) if names is None else list(names)
    title = f"check_op {name or getattr(forward, '__name__', 'forward')}"
    if not floating:
        raise ValueError(f"{title}: none of the {len(arrays)} inputs is a floating-point array")
    for k in floating:
        if values[k].size == 0:
            raise ValueError(f"{title}: input {labels[k]} is empty, shape {values[k].shape}")
    before = [_copied(a) for a in values]

    y, cache = forward(*values)
    y = np.asarray(y)
    if not np.isfinite(y).all():
        raise ValueError(f"{title}: the output is not finite; choose inputs where it is")
    if not np.array_equal(y, forward(*(_copied(a) for a in before))[0]):
        raise ValueError(f"{title}: two equal calls differ; fix what is random in it by a key")
    dy = rng.standard_normal(y.shape)
    _decoy(forward, backward, before, dy, rng)
    upstream = dy.copy()
    returned = backward(upstream, cache)
    gradients = _in_order(returned, len(values), floating)
    if gradients is None:
        note = f"backward returned {len(returned)} gradients for {len(floating)} inputs"
        return Report(title, [Row("all", "contract", np.inf, 0.0, note=note)])

    rows = [
        Row(label, "contract", np.inf, 0.0, note=f"{what} was changed")
        for label, what, now, then in [
            *((labels[k], "input", values[k], before[k]) for k in floating),
            ("dy", "upstream gradient", upstream, dy),
        ]
        if not np.array_equal(now, then)
    ]
    for k in floating:
        if gradients[k] is None:
            continue
        fault = fault_of(gradients[k], before[k])
        if fault:
            rows.append(Row(labels[k], "contract", np.inf, 0.0, note=fault))
            continue
        real, forms = _as_function_of(k, forward, before)
        linear = None if linear_in is None else k in linear_in or None
        subject = Subject(labels[k], before[k], real, forms, dy, gradients[k], linear)
        rows.append(compare(subject, rng, max_elements))
    if not rows:
        raise ValueError(f"{title}: backward returned no gradient to check")
    return Report(title, rows)


def check_loss(
    loss: Callable[..., tuple[Any, Any]],
    y: ArrayLike,
    target: Any,
    *,
    name: str | None = None,
    seed: int = 0,
    max_elements: int = MAX_ELEMENTS,
) -> Report:
    """Check the gradient that a loss returns together with its value.

    Parameters
    ----------
    loss : function `(y, target) -> (loss, dy)`
    y : float array
        Outputs at which to check; converted to float64.
    target : anything the loss takes
    name, seed, max_elements
        As in `check_op`.

    Returns
    -------
    Report

    Examples
    --------
    >>> import nanocnn as nc, numpy as np
    >>> logits = np.random.default_rng(0).standard_normal((4, 3))
    >>> bool(check_loss(nc.losses.softmax_cross_entropy, logits, [0, 2, 1, 1]))
    True
    """
    rng = generator(seed)
    x = _widen(np.asarray(y))
    title = f"check_loss {name or getattr(loss, '__name__', 'loss')}"
    if not _is_float(x) or x.size == 0:
        raise ValueError(f"{title}: y must be a floating-point array with at least one element")
    before = x.copy()
    value, dy = loss(x, target)
    if not np.isfinite(value):
        raise ValueError(f"{title}: the loss is {value}; choose outputs where it is finite")
    loss(shuffled(x, rng), target)
    rows = []
    if not np.array_equal(x, before):
        rows.append(Row("y", "contract", np.inf, 0.0, note="input was changed"))
    fault = fault_of(dy, before)
    if fault:
        rows.append(Row("y", "contract", np.inf, 0.0, note=fault))
        return Report(title, rows)

    def forward(a: Array) -> tuple[Array, None]:
        return np.asarray(loss(a, target)[0]), None

    real, forms = _as_function_of(0, forward, [before])
    # The end of the chain: dL/dL = 1. A loss is not tested for linearity, few are linear.
    subject = Subject("y", before, real, forms, np.array(1.0), np.array(dy), linear=False)
    rows.append(compare(subject, rng, max_elements))
    return Report(title, rows)


def _widen(a: Any) -> Any:
    return a.astype(np.float64) if _is_float(a) else a


def _is_float(a: Any) -> bool:
    return isinstance(a, np.ndarray) and a.dtype.kind == "f"


def _copied(a: Any) -> Any:
    return a.copy() if isinstance(a, np.ndarray) else a


def _names(forward: Callable[..., Any], count: int) -> list[str]:
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


def _decoy(
    forward: Callable[..., tuple[Any, Any]],
    backward: Callable[[Array, Any], Any],
    values: list[Any],
    dy: Array,
    rng: np.random.Generator,
) -> None:
    """Run both passes on other numbers, which must not change what the first cache says."""
    others = [shuffled(a, rng) if _is_float(a) else a for a in values]
    _, cache = forward(*others)
    backward(shuffled(dy, rng), cache)


def _in_order(returned: Any, count: int, floating: list[int]) -> list[Any] | None:
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
        return f"gradient has shape {gradient.shape}, the input {x.shape}"
    if gradient.dtype != x.dtype:
        return f"gradient is {gradient.dtype} for inputs of {x.dtype}"
    return ""


def _as_function_of(
    k: int, forward: Callable[..., tuple[Any, Any]], values: list[Any]
) -> tuple[Callable[[Array], Array], list[Callable[[Array], Array]]]:
    """Return forward's output as a function of input k, and its forms for complex input."""
    wide = [a.astype(np.complex128) if _is_float(a) else a for a in values]

    def real(x: Array) -> Array:
        return np.asarray(forward(*values[:k], x, *values[k + 1 :])[0])

    def complex_here(x: Array) -> Array:
        return np.asarray(forward(*wide[:k], x, *wide[k + 1 :])[0])

    def complex_in_numpy(x: Array) -> Array:
        with backend("vectorized"):  # the compiled rung takes real numbers only
            return complex_here(x)

    return real, [complex_here, complex_in_numpy]
