"""Learning-rate range test: which rates a model learns with, told by one short run."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Generator
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np

from ..layers.base import Array
from ..layers.keys import derive
from .batches import Target
from .feeding import Feed, open_training
from .loop import Diverged, train_step

DIVERGED = 4.0  # the smoothed loss over its smallest value


class RangeTest(NamedTuple):
    """What `lr_range_test` returns; print it, or draw it with `plot`.

    Attributes
    ----------
    rates, losses, smoothed : (K,) float64 arrays
        Of each step that was made.
    diverged : bool         whether the test ended for this, before the highest rate
    """

    rates: Array
    losses: Array
    smoothed: Array
    diverged: bool

    @property
    def best(self) -> int:
        """The step with the smallest smoothed loss."""
        return int(np.argmin(self.smoothed))

    @property
    def suggestion(self) -> float | None:
        """A tenth of the rate at which the smoothed loss was smallest; None if it never fell."""
        return float(self.rates[self.best]) / 10 if self.best else None

    def __str__(self) -> str:
        end = "diverged" if self.diverged else "ended"
        lines = [
            f"learning-rate range test: {len(self.rates)} steps from {self.rates[0]:.2e}, "
            f"{end} at {self.rates[-1]:.2e}",
            f"smoothed loss: {self.smoothed[0]:.4g} at first, smallest "
            f"{self.smoothed[self.best]:.4g} at rate {self.rates[self.best]:.2e}",
        ]
        if self.suggestion is None:
            lines.append("no suggestion: the loss never fell; begin with a lower rate")
        else:
            lines.append(f"suggestion: {self.suggestion:.2e}, a tenth of that rate")
            if self.best == len(self.rates) - 1:
                lines.append("the loss was still falling at the end: try a higher rate, too")
        return "\n".join(lines)

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw the losses against the rate to a PNG file."""
        from .rate_range_figure import draw  # here: `import nanocnn` must not load matplotlib

        draw(self, path)


def lr_range_test(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    lowest: float = 1e-6,
    highest: float = 1.0,
    steps: int = 100,
    batch_size: int = 32,
    smoothing: float = 0.9,
    class_weight: Any = None,
    label_smoothing: float = 0.0,
    seed: int | None = None,
) -> RangeTest:
    r"""Train a copy of a compiled model with a rate that rises at each batch, until it diverges.

    .. math:: \eta_k = \eta_\text{lowest}
              \left(\eta_\text{highest} / \eta_\text{lowest}\right)^{k/(K-1)}, \qquad
              s_k = \frac{(1-b) \sum_{i \le k} b^{k-i} \ell_i}{1 - b^{k+1}}

    with the loss :math:`\ell_k` of step `k` and the smoothing `b`. The test ends when a loss or
    gradient is NaN or infinite, or :math:`s_k` is four times its smallest value.

    The suggestion is a tenth of the rate with the smallest smoothed loss: there, the loss still
    falls well, and is far from where it rises. It is for the optimizer that the model has, and a
    place to begin, not the best rate.

    Nothing changes in the model: parameters, state, optimizer and preparation are as before.

    Parameters
    ----------
    model : compiled model
    x, y, batch_size, class_weight, label_smoothing, seed
        As for `fit`.
    lowest, highest : float
    steps : int, from 2
        Data are gone through again if there are fewer batches.
    smoothing : float, from 0 to below 1

    Raises
    ------
    ValueError
        If rates or numbers are out of range, or what `fit` says about data that do not fit.
    nanocnn.training.Diverged
        If the very first step does.

    References
    ----------
    L. Smith, "Cyclical learning rates for training neural networks", WACV 2017, section 3.3, for
    the test. J. Howard, S. Gugger, "Deep learning for coders with fastai and PyTorch", 2020,
    chapter 5, for the suggestion.

    Examples
    --------
    >>> import numpy as np
    >>> import nanocnn as nc
    >>> model = nc.Sequential([nc.Flatten(), nc.Dense(2)], input_shape=(4, 4, 1))
    >>> model.compile("sgd", "softmax_cross_entropy")
    >>> x, y = np.random.default_rng(0).random((40, 4, 4, 1)), np.arange(40) % 2
    >>> found = nc.training.lr_range_test(model, x, y, steps=50)
    >>> len(found.rates)
    50
    """
    if not 0 < lowest < highest < math.inf:
        raise ValueError(f"needed is 0 < lowest < highest, got {lowest!r} and {highest!r}")
    for name, value, least in (("steps", steps, 2), ("batch_size", batch_size, 1)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(f"{name} must be a whole number from {least}, got {value!r}")
    if not 0 <= smoothing < 1:
        raise ValueError(f"smoothing must be from 0 to below 1, got {smoothing!r}")
    seed = model.seed if seed is None else seed
    model = copy.deepcopy(model)
    objective = model.objective(class_weight, label_smoothing)
    feed = open_training(model, x, y, objective, batch_size, seed, True)
    objective.model.ensure_built(model.input_shape)
    rates = np.geomspace(lowest, highest, steps)
    losses: list[float] = []
    smoothed: list[float] = []
    mean, diverged = 0.0, False
    with closing(_endless(feed)) as batches:
        for k, (epoch, batch, x_k, target) in zip(range(steps), batches, strict=False):
            model.optimizer.learning_rate = float(rates[k])
            key = derive(derive(seed, epoch), batch)
            try:
                loss = train_step(model, objective, x_k, target, key, epoch, batch)["loss"]
            except Diverged:
                if not losses:
                    raise
                diverged = True
                break
            losses.append(loss)
            mean = smoothing * mean + (1 - smoothing) * loss
            smoothed.append(mean / (1 - smoothing ** (k + 1)))
            if smoothed[-1] > DIVERGED * min(smoothed) > 0:  # a loss of your own may be negative
                diverged = True
                break
    return RangeTest(rates[: len(losses)], np.array(losses), np.array(smoothed), diverged)


def _endless(feed: Feed) -> Generator[tuple[int, int, Array, Target], None, None]:
    epoch = 0
    while True:
        with closing(feed.epoch(epoch)) as batches:
            for batch, (x, target) in enumerate(batches):
                yield epoch, batch, x, target
        epoch += 1
