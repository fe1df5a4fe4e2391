"""What all optimizers share: checks, clipping, decay's rule, memory for each parameter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Optimizer:
    """What all optimizers share. To write your own, give `_update` and, for saving, `get_config`.

    Attributes
    ----------
    learning_rate : float
        May be changed at any time.
    iterations : int
        Steps taken.
    state : dict of str to array
        Running averages and step counts, under "<parameter's name>/<what it is>".
    """

    def __init__(
        self,
        learning_rate: float,
        *,
        weight_decay: float = 0.0,
        decay_vectors: bool = False,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        self.learning_rate = learning_rate
        self.weight_decay = self._at_least_0("weight_decay", weight_decay)
        self.decay_vectors = bool(decay_vectors)
        for name, limit in (("clip_norm", clip_norm), ("clip_value", clip_value)):
            if limit is not None and not limit > 0:
                raise ValueError(f"{name} must be above 0, or None for no clipping; got {limit}")
        if clip_norm is not None and clip_value is not None:
            raise ValueError("clip_norm and clip_value are both given; give one of them")
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.iterations = 0
        self.state: dict[str, Array] = {}

    @property
    def learning_rate(self) -> float:
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate = self._at_least_0("learning_rate", value)

    def step(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
        """Move every parameter that has a gradient, in place.

        Parameters
        ----------
        params : dict of str to float32 or float64 array
        grads : dict of str to array
            Same shapes and dtypes; names that are missing stand for frozen parameters.

        Raises
        ------
        ValueError
            If a gradient belongs to no parameter, a shape differs, or an array is read-only.
        TypeError
            If a dtype differs or is not floating. In either case nothing has been changed.
        """
        self._check(params, grads)
        scale = self._clip_scale(grads)
        self.iterations += 1
        for name, gradient in grads.items():
            p, g = params[name], gradient
            if self.clip_value is not None:
                g = np.clip(g, -self.clip_value, self.clip_value)
            elif scale != 1.0:
                g = g * p.dtype.type(scale)
            g = np.asarray(g, order="C")  # kernels walk over memory in one go
            decay = self.weight_decay if self.decay_vectors or p.ndim >= 2 else 0.0
            self._update(name, p, g, decay)

    def get_config(self) -> dict[str, Any]:
        """Return the settings, ready for JSON; `get(config)` makes another one of the kind."""
        return {
            "name": type(self).__name__,
            "learning_rate": self.learning_rate,
            "weight_decay": self.weight_decay,
            "decay_vectors": self.decay_vectors,
            "clip_norm": self.clip_norm,
            "clip_value": self.clip_value,
        }

    def _update(self, name: str, p: Array, g: Array, weight_decay: float) -> None:
        raise NotImplementedError(f"{type(self).__name__} must define _update")

    def _slot(self, name: str, kind: str, p: Array) -> Array:
        """Return this parameter's array of that kind, zeros at first."""
        key = f"{name}/{kind}"
        if key not in self.state:  # no setdefault, which would make the zeros in every step
            self.state[key] = np.zeros(p.shape, p.dtype)
        return self.state[key]

    def _count(self, name: str) -> int:
        """Return which update of this parameter this is, from 1: not that of the optimizer.

        A parameter that is unfrozen late starts its averages then, so its bias correction must
        start then too.
        """
        key = f"{name}/t"
        if key not in self.state:
            self.state[key] = np.zeros((), np.int64)
        t = self.state[key]
        t += 1
        return int(t)

    def _check(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
        for name, g in grads.items():
            if name not in params:
                raise ValueError(
                    f"gradient {name!r} belongs to no parameter; known are {', '.join(params)}"
                )
            p = params[name]
            if g is None or g.shape != p.shape:
                raise ValueError(
                    f"gradient of {name!r} has shape {getattr(g, 'shape', None)}, "
                    f"the parameter {p.shape}; they must be equal"
                )
            if p.dtype.kind != "f" or g.dtype != p.dtype:
                raise TypeError(
                    f"parameter {name!r} is {p.dtype}, its gradient {g.dtype}; "
                    f"both must be float32 or both float64"
                )
            if not p.flags.writeable:
                raise ValueError(f"parameter {name!r} is read-only; give an array to write to")
        for key, value in self.state.items():
            name, _, kind = key.rpartition("/")
            if name in grads and kind != "t" and value.shape != params[name].shape:
                raise ValueError(
                    f"parameter {name!r} has shape {params[name].shape}, this optimizer remembers "
                    f"{value.shape}; use a new optimizer for a new model"
                )

    def _clip_scale(self, grads: Mapping[str, Array]) -> float:
        if self.clip_norm is None:
            return 1.0
        norm = math.sqrt(sum(float(np.sum(np.square(g, dtype=np.float64))) for g in grads.values()))
        # A norm that is NaN or infinite scales nothing: the bad gradient goes through, visibly.
        return self.clip_norm / norm if self.clip_norm < norm < math.inf else 1.0

    @staticmethod
    def _at_least_0(name: str, value: float) -> float:
        if not (isinstance(value, (int, float, np.number)) and 0 <= value < math.inf):
            raise ValueError(f"{name} must be a finite number, 0 or more; got {value!r}")
        return float(value)

    @staticmethod
    def _below_1(name: str, value: float) -> float:
        if not 0 <= value < 1:
            raise ValueError(f"{name} must be from 0 to below 1; got {value!r}")
        return float(value)
