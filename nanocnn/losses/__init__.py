"""Losses: `(outputs, target) -> (loss, gradient with respect to the outputs)`, in one call.

Any function of that form is a loss, so your own needs no registration: pass it where a name is
taken. The ones here check their arguments, turn the target into a table of numbers and call the
formulas (L1) to (L13), which are derived in `nanocnn.reference.losses` and `.imbalance`.

Options go in with `functools.partial`, which a saved model keeps:

    model.compile("adam", loss=partial(nc.losses.focal, gamma=3, ignore_class=255))

Targets of the categorical losses are integer labels or one row of K numbers for each sample
(one-hot, or soft rows that sum to 1). The mean goes over everything but the classes: over N for
outputs (N, K), over N*H*W for outputs (N, H, W, K) and masks (N, H, W).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from numpy.typing import NDArray

from .entropy import (
    binary_cross_entropy,
    categorical_crossentropy,
    mean_squared_error,
    softmax_cross_entropy,
)
from .imbalance import dice_cross_entropy, focal, soft_dice, tversky

Loss = Callable[..., tuple[float, NDArray[Any]]]

__all__ = [
    "binary_cross_entropy",
    "categorical_crossentropy",
    "dice_cross_entropy",
    "focal",
    "get",
    "mean_squared_error",
    "soft_dice",
    "softmax_cross_entropy",
    "tversky",
]

_BY_NAME: dict[str, Loss] = {
    "softmax_cross_entropy": softmax_cross_entropy,
    "categorical_crossentropy": categorical_crossentropy,
    "sparse_categorical_crossentropy": categorical_crossentropy,
    "binary_cross_entropy": binary_cross_entropy,
    "binary_crossentropy": binary_cross_entropy,
    "mean_squared_error": mean_squared_error,
    "mse": mean_squared_error,
    "soft_dice": soft_dice,
    "dice": soft_dice,
    "dice_cross_entropy": dice_cross_entropy,
    "focal": focal,
    "tversky": tversky,
}


def get(loss: str | Loss) -> Loss:
    """Return the loss of that name; a function is returned as it is.

    Parameters
    ----------
    loss : str or function `(y, target) -> (loss, dy)`
        "sparse_categorical_crossentropy" means `categorical_crossentropy` (both take integer
        labels); "mse" means `mean_squared_error`; "binary_crossentropy" means
        `binary_cross_entropy`, which works on logits; "dice" means `soft_dice`.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known ones.
    TypeError
        If `loss` is neither a name nor a function.
    """
    if callable(loss):
        return loss
    if not isinstance(loss, str):
        raise TypeError(
            "loss must be a name or a function (y, target) -> (loss, dy), "
            f"got {type(loss).__name__}"
        )
    if loss not in _BY_NAME:
        raise ValueError(
            f"loss {loss!r} is unknown; use a function (y, target) -> (loss, dy) "
            f"or one of {', '.join(_BY_NAME)}"
        )
    return _BY_NAME[loss]


def split(loss: str | Loss) -> tuple[Loss, dict[str, Any]]:
    """Return the function behind `functools.partial`, if it is one, and the options given with it.

    A partial with positional arguments is no loss with options, and stays whole.
    """
    function, options = get(loss), dict[str, Any]()
    while isinstance(function, partial) and not function.args:
        options = {**function.keywords, **options}
        function = function.func
    return function, options
