"""`check_op` and `check_loss`: gradients of plain functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nanocnn.gradcheck.compare import Subject, compare
from nanocnn.gradcheck.inputs import (
    as_function_of,
    copied,
    fault_of,
    in_order,
    is_float,
    names_of,
    shuffled,
    subject_of,
    title_of,
    widen,
)
from nanocnn.gradcheck.methods import generator
from nanocnn.gradcheck.report import Report, Row

Array = NDArray[Any]

MAX_ELEMENTS = 200
_NOT_CHECKED = "backward returned None for it"


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
        In the order of the arrays; None for an input that has no gradient, which is then shown as
        not checked.
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
    values = [widen(a) for a in arrays]
    floating = [k for k, a in enumerate(values) if is_float(a)]
    labels = names_of(forward, len(arrays)) if names is None else list(names)
    title = title_of("check_op", name, forward)
    if not floating:
        raise ValueError(f"{title}: none of the {len(arrays)} inputs is a floating-point array")
    for k in floating:
        if values[k].size == 0:
            raise ValueError(f"{title}: input {labels[k]} is empty, shape {values[k].shape}")
    before = [copied(a) for a in values]

    y, cache = forward(*values)
    y = np.asarray(y)
    if not np.isfinite(y).all():
        raise ValueError(f"{title}: the output is not finite; choose inputs where it is")
    if not np.array_equal(y, forward(*(copied(a) for a in before))[0]):
        raise ValueError(f"{title}: two equal calls differ; fix what is random in it by a key")
    dy = rng.standard_normal(y.shape)
    decoys = [shuffled(a, rng) if is_float(a) else a for a in before]
    _, other = forward(*(copied(a) for a in decoys))
    backward(shuffled(dy, rng), other)
    upstream = dy.copy()
    returned = backward(upstream, cache)
    gradients = in_order(returned, len(values), floating)
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
            rows.append(Row(labels[k], "none", 0.0, 0.0, passed=True, note=_NOT_CHECKED))
            continue
        fault = fault_of(gradients[k], before[k])
        if fault:
            rows.append(Row(labels[k], "contract", np.inf, 0.0, note=fault))
            continue
        linear = None if linear_in is None else k in linear_in or None
        subject = subject_of(k, forward, before, labels, dy, gradients[k], linear, decoys)
        rows.append(compare(subject, rng, max_elements))
    if all(row.method == "none" for row in rows):
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
    x = widen(np.asarray(y))
    title = title_of("check_loss", name, loss)
    if not is_float(x) or x.size == 0:
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

    real, forms = as_function_of(0, forward, [before])
    # The end of the chain: dL/dL = 1. A loss is not tested for linearity, few are linear.
    subject = Subject("y", before, real, forms, np.array(1.0), np.array(dy), linear=False)
    rows.append(compare(subject, rng, max_elements))
    return Report(title, rows)
