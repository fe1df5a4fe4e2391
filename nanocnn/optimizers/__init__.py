r"""Optimizers: how parameters follow their gradients. `step` changes the arrays in place.

The update equations stand with each class; `p` is a parameter, `g` its gradient, and
:math:`\eta` the learning rate. All of them share these rules:

- **Which parameters.** `grads` may hold fewer names than `params`: a frozen parameter has no
  gradient, and is neither moved nor decayed nor counted in a norm.
- **Weight decay** :math:`\lambda` pulls arrays of two or more axes (filters and matrices) towards
  0, and leaves vectors alone: biases and normalisation scales are few, do not overfit, and pulling
  them to 0 only shifts or switches off units. PyTorch decays everything it is given;
  `decay_vectors=True` does so too. In SGD, RMSprop and Adam the decay is added to the gradient
  (:math:`g + \lambda p`, the derivative of :math:`\lambda p^2/2`); in AdamW it acts on its own.
- **Clipping** comes first. `clip_norm` scales all gradients by one number, so that the Euclidean
  norm over all of them together (in float64) is at most that; `clip_value` limits each element
  on its own, and so bends the direction. One of the two, not both.
- **All or nothing.** Names, shapes and dtypes are checked before the first array changes.
- **NaN stays NaN**: a NaN gradient makes its parameters NaN, it is never skipped in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nanocnn.optimizers.base import Optimizer
from nanocnn.optimizers.rules import SGD, Adam, AdamW, RMSprop

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "get"]

_BY_NAME: dict[str, type[Optimizer]] = {c.__name__.lower(): c for c in (SGD, RMSprop, Adam, AdamW)}


def get(optimizer: str | Mapping[str, Any] | Optimizer) -> Optimizer:
    """Return an optimizer from its name (with default settings) or from `get_config`.

    Parameters
    ----------
    optimizer : str, dict or Optimizer
        "sgd", "rmsprop", "adam" or "adamw", upper or lower case; a dict from `get_config`;
        an optimizer is returned as it is.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known ones.
    TypeError
        If it is none of these, or a setting is unknown.
    """
    if isinstance(optimizer, str):
        optimizer = {"name": optimizer}
    if not isinstance(optimizer, Mapping):
        if callable(getattr(optimizer, "step", None)):
            return optimizer
        raise TypeError(
            f"optimizer must be a name, a config or an optimizer, got {type(optimizer).__name__}"
        )
    settings = dict(optimizer)
    name = settings.pop("name", None)
    if str(name).lower() not in _BY_NAME:
        raise ValueError(f"optimizer {name!r} is unknown; use one of {', '.join(_BY_NAME)}")
    return _BY_NAME[str(name).lower()](**settings)
