"""`check_layer` and `check_model`: gradients of objects with parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nanocnn import losses
from nanocnn.gradcheck.contract import check_contract
from nanocnn.gradcheck.functions import MAX_ELEMENTS
from nanocnn.gradcheck.holder import Holder
from nanocnn.gradcheck.inputs import shuffled
from nanocnn.gradcheck.methods import generator
from nanocnn.gradcheck.report import Report, Row
from nanocnn.gradcheck.tensors import Output, Tensors

Array = NDArray[Any]


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
        Rows "x" and the names of the parameters, with " (training)" behind in that mode; and the
        rules of the layer protocol, see `nanocnn.gradcheck.contract`.

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
    holder.build(tuple(input_shape), rng)
    holder.stir(rng)
    x = rng.standard_normal((batch, *input_shape))

    def output(mode: bool) -> Output:
        # On a copy: that a layer writes into its input is told by the rules, not by a crash here.
        return lambda a: np.asarray(holder.layer.forward(a.copy(), training=mode, rng=seed)[0])

    modes = [training] if training is not None else [False, True]
    if len(modes) == 2 and np.array_equal(output(False)(x), output(True)(x)):
        modes = [False]
    rows: list[Row] = []
    for mode in modes:
        suffix = " (training)" if mode and len(modes) == 2 else ""
        y = output(mode)(x)
        _require_sound(title, y, output(mode)(x))
        dy = rng.standard_normal(y.shape)
        decoy = shuffled(x, rng)
        dx, grads = _both_passes(holder, x, decoy, dy, mode, seed, rng)
        tensors = Tensors(holder, x, decoy, output(mode), dy, suffix)
        rows += tensors.rows(dx, grads, rng, max_elements)
    return Report(title, rows, check_contract(layer, input_shape, batch, seed))


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
    tensors = Tensors(holder, inputs, None, output, one, linear=False)
    return Report(title, tensors.rows(dx, dict(grads), rng, max_elements))


def _require_sound(title: str, y: Array, again: Array) -> None:
    if not np.isfinite(y).all():
        raise ValueError(f"{title}: the output is not finite; choose an input where it is")
    if not np.array_equal(y, again):
        raise ValueError(f"{title}: two equal calls differ; all randomness must come from rng")


def _both_passes(
    holder: Holder,
    x: Array,
    decoy: Array,
    dy: Array,
    mode: bool,
    key: int,
    rng: np.random.Generator,
) -> tuple[Any, dict[str, Any]]:
    """Run forward and backward, with a pair on other numbers in between."""
    layer = holder.layer
    _, cache = layer.forward(x.copy(), training=mode, rng=key)
    _, other = layer.forward(decoy.copy(), training=mode, rng=key)
    layer.backward(shuffled(dy, rng), other)
    dx, grads = layer.backward(dy.copy(), cache)
    return dx, {name: g for name, g in grads.items() if name in holder.params}
