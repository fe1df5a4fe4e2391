"""`check_layer` and `check_model`: gradients of objects with parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nanocnn import losses
from nanocnn._backend import backend
from nanocnn.gradcheck.compare import Subject, compare
from nanocnn.gradcheck.functions import MAX_ELEMENTS, fault_of, shuffled
from nanocnn.gradcheck.holder import Holder
from nanocnn.gradcheck.methods import generator
from nanocnn.gradcheck.report import Report, Row

Array = NDArray[Any]
Output = Callable[[Array], Array]  # from the layer's input to what is differentiated


def check_layer(
    layer: Any,
    input_shape: Sequence[int],
    *,
    batch: int = 3,
    training: bool | None = None,
    name: str | None = None,
    seed: int = 0,
    max_elements: int = MAX_ELEMENTS,
) -> Report:
    """Check a layer's dx and the gradient of each of its parameters.

    The layer is copied, built if it has not been, and moved to float64; its parameters are stirred
    at random, so that zero biases hide nothing. Input and upstream gradient are random.

    Parameters
    ----------
    layer : object with build, forward, backward and params, as `nanocnn.layers.base.Layer`
        Yours or nanocnn's; it is not changed.
    input_shape : tuple of int
        Without the batch axis.
    batch : int
        At least 2, or a missing sum over the batch could not be seen.
    training : bool, optional
        By default both modes are checked if they give different outputs.
    name : str, optional
        Title of the report; by default the layer as it prints itself.
    seed, max_elements
        As in `check_op`. The seed is also the key of what is random in the layer.

    Returns
    -------
    Report
        Rows "x" and the names of the parameters, with " (training)" behind in that mode.

    Raises
    ------
    ValueError
        If the layer cannot take the shape, or its output is not finite or not repeatable.

    Examples
    --------
    >>> import nanocnn as nc
    >>> bool(check_layer(nc.Conv2D(4, 3), input_shape=(9, 8, 2)))
    True
    """
    rng = generator(seed)
    title = f"check_layer {name or repr(layer)}, input {(batch, *input_shape)}"
    holder = Holder(layer)
    if not holder.params:
        holder.layer.build(tuple(input_shape), rng)
        holder.refresh()
    holder.stir(rng)
    x = rng.standard_normal((batch, *input_shape))

    def output(mode: bool) -> Output:
        return lambda a: np.asarray(holder.layer.forward(a, training=mode, rng=seed)[0])

    modes = [training] if training is not None else [False, True]
    if len(modes) == 2 and np.array_equal(output(False)(x), output(True)(x)):
        modes = [False]
    rows: list[Row] = []
    for mode in modes:
        suffix = " (training)" if mode and len(modes) == 2 else ""
        y = output(mode)(x)
        _require_sound(title, y, output(mode)(x))
        dy = rng.standard_normal(y.shape)
        dx, grads, faults = _both_passes(holder, x, dy, mode, seed, rng)
        rows += [_contract(f"{label}{suffix}", note) for label, note in faults]
        rows += _rows(holder, x, output(mode), dy, dx, grads, suffix, rng, max_elements)
    return Report(title, rows)


def check_model(
    model: Any,
    x: ArrayLike,
    y: ArrayLike,
    *,
    loss: str | Callable[..., tuple[Any, Any]] | None = None,
    training: bool = True,
    name: str | None = None,
    seed: int = 0,
    max_elements: int = 50,
) -> Report:
    """Check the whole chain: the gradient of the loss for the input and for every parameter.

    Parameters
    ----------
    model : a built layer or container, such as `nanocnn.Sequential`
        Copied and moved to float64, otherwise as it is: its parameters are not stirred.
    x : (N, ...) float array
    y : target of the loss
    loss : str or function `(y, target) -> (loss, dy)`, optional
        By default the one the model was compiled with.
    training : bool
        The mode of the forward pass.
    name, seed, max_elements
        As in `check_op`.

    Returns
    -------
    Report
        Rows "x" and "<layer>.<parameter>"; frozen parameters have none.

    Raises
    ------
    ValueError
        If there is no loss, or the loss is not finite at this input.
    """
    rng = generator(seed)
    title = f"check_model {name or type(model).__name__}"
    chosen = loss if loss is not None else getattr(model, "loss", None)
    if chosen is None:
        raise ValueError(
            f"{title}: no loss; compile the model, or give loss='softmax_cross_entropy'"
        )
    function = losses.get(chosen)
    holder = Holder(model)
    inputs = np.asarray(x, np.float64)

    def output(a: Array) -> Array:
        outputs, _ = holder.layer.forward(a, training=training, rng=seed)
        return np.asarray(function(outputs, y)[0])

    _require_sound(title, output(inputs), output(inputs))
    outputs, cache = holder.layer.forward(inputs, training=training, rng=seed)
    _, dy = function(outputs, y)
    dx, grads = holder.layer.backward(dy, cache)
    one = np.array(1.0)
    rows = _rows(holder, inputs, output, one, dx, grads, "", rng, max_elements, linear=False)
    return Report(title, rows)


def _require_sound(title: str, y: Array, again: Array) -> None:
    if not np.isfinite(y).all():
        raise ValueError(f"{title}: the output is not finite; choose an input where it is")
    if not np.array_equal(y, again):
        raise ValueError(f"{title}: two equal calls differ; all randomness must come from rng")


def _contract(label: str, note: str) -> Row:
    return Row(label, "contract", np.inf, 0.0, note=note)


def _both_passes(
    holder: Holder, x: Array, dy: Array, mode: bool, key: int, rng: np.random.Generator
) -> tuple[Any, dict[str, Any], list[tuple[str, str]]]:
    """Run forward and backward, with another pair in between; return what the contract forbids."""
    layer, faults = holder.layer, []
    before, params = x.copy(), {k: p.copy() for k, p in holder.params.items()}
    upstream = dy.copy()
    _, cache = layer.forward(x, training=mode, rng=key)
    _, other = layer.forward(shuffled(x, rng), training=mode, rng=key)
    layer.backward(shuffled(dy, rng), other)
    dx, grads = layer.backward(upstream, cache)
    grads = dict(grads)
    if not np.array_equal(x, before):
        faults.append(("x", "input was changed"))
    if not np.array_equal(upstream, dy):
        faults.append(("x", "upstream gradient was changed"))
    for k, p in holder.params.items():
        if not np.array_equal(p, params[k]):
            faults.append((k, "parameter was changed"))
    missing = set(params) - set(grads) if holder.trainable else set()
    for k in sorted(missing):
        faults.append((k, "backward returned no gradient for it"))
    for k in sorted(set(grads) - set(params)):
        faults.append((k, "backward returned a gradient, but there is no such parameter"))
        del grads[k]
    if dx is None:
        faults.append(("x", "backward returned no dx"))
    return dx, grads, faults


def _rows(
    holder: Holder,
    x: Array,
    output: Output,
    dy: Array,
    dx: Any,
    grads: dict[str, Any],
    suffix: str,
    rng: np.random.Generator,
    max_elements: int,
    linear: bool | None = None,
) -> list[Row]:
    """Return one row for dx and one for each parameter."""

    def of_x(a: Array) -> Array:
        with holder.complex_valued({}):
            return output(a)

    subjects: list[tuple[str, Array, Any, Output, Output]] = [("x", x, dx, output, of_x)]
    for name, p in holder.params.items():
        if name in grads:
            real, wide = _parameter_forms(holder, name, x, output)
            subjects.append((name, p.copy(), grads[name], real, wide))
    rows = []
    for name, at, gradient, real, wide in subjects:
        if gradient is None:
            continue
        fault = fault_of(gradient, at)
        if fault:
            rows.append(_contract(name + suffix, fault))
            continue
        forms = [wide, _in_numpy(wide)]
        subject = Subject(name + suffix, at, real, forms, dy, np.asarray(gradient), linear)
        rows.append(compare(subject, rng, max_elements))
    return rows


def _parameter_forms(holder: Holder, name: str, x: Array, output: Output) -> tuple[Output, Output]:
    """Return the output as a function of one parameter: for real and for complex numbers."""

    def real(p: Array) -> Array:
        with holder.holding(name, p):
            return output(x)

    def wide(p: Array) -> Array:
        with holder.complex_valued({name: p}):
            return output(x.astype(np.complex128))

    return real, wide


def _in_numpy(f: Output) -> Output:
    """Return `f` on the NumPy rung, which takes complex numbers where the compiled one does not."""

    def inner(a: Array) -> Array:
        with backend("vectorized"):
            return f(a)

    return inner
