r"""Schedules: how the learning rate changes during training.

A schedule is a callback. Before each batch it sets the optimizer's learning rate to

.. math:: \eta = \eta_0 f

where :math:`\eta_0` is the rate that the optimizer had when training began, and `f` the schedule's
`factor`, a pure function of how far training has come. However the run ends, the optimizer gets
:math:`\eta_0` back. Progress `t` is counted in epochs: after 2 epochs and 5 of 20 batches it is
2.25, and `T` is the number of epochs of the run. So a run that goes on with more epochs goes on
along another curve, where the curve depends on `T`.

    model.compile(nc.Adam(1e-3), ...)
    model.fit(..., epochs=30, callbacks=[nc.schedules.Cosine(warmup=2)])

For one of your own, derive from `Schedule` and write `factor`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from .training.callbacks import Callback, Logs
from .training.monitor import Monitor, check_patience

__all__ = ["Cosine", "OnPlateau", "OneCycle", "Schedule", "Step"]

WARMUP_FROM = 0.01  # not 0, with which the first batch would be wasted


class Schedule(Callback):
    """What all schedules share: they set the rate, and put it back. Only one can be in a run.

    Examples
    --------
    >>> import nanocnn as nc
    >>> class Linear(nc.schedules.Schedule):
    ...     def factor(self, t, epochs):
    ...         return 1 - t / epochs
    """

    base: float | None = None  # eta_0; None outside of a run
    epoch: int = 0

    def factor(self, t: float, epochs: int) -> float:
        """Return what the first learning rate is multiplied by.

        Parameters
        ----------
        t : float           epochs that were learnt from, parts of epochs included
        epochs : int        of the whole run
        """
        raise NotImplementedError(f"{type(self).__name__} must define factor")

    def on_train_begin(self) -> None:
        self.base, self.epoch = self.model.optimizer.learning_rate, 0
        self.factor(0.0, self.epochs)  # complains now, not after the first steps

    def on_epoch_begin(self, epoch: int) -> None:
        self.epoch = epoch

    def on_batch_begin(self, batch: int) -> None:
        self._set(self.factor(self.epoch + batch / self.n_batches, self.epochs))

    def _set(self, factor: float) -> None:
        assert self.base is not None
        self.model.optimizer.learning_rate = self.base * factor

    def on_train_end(self) -> None:
        if self.base is not None:
            self.model.optimizer.learning_rate, self.base = self.base, None

    def get_state(self) -> dict[str, Any]:
        return {"base": self.base, "epoch": self.epoch}

    def set_state(self, state: dict[str, Any]) -> None:
        self.base, self.epoch = state["base"], state["epoch"]


class Step(Schedule):
    r"""Multiply the rate by `gamma` at certain epochs.

    .. math:: f(t) = \gamma^{\,\lfloor t/s \rfloor} \quad\text{or}\quad
              f(t) = \gamma^{\,\#\{m : m \le t\}}

    with a step every `s` epochs, or one at each of the epochs `m`.

    Parameters
    ----------
    at : int or sequence of int
        Every so many epochs, or the epochs at which to step, counted from 0.
    gamma : float

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016,
    section 4.2: a tenth after 32k and 48k iterations.
    """

    def __init__(self, at: int | Sequence[int], gamma: float = 0.1) -> None:
        each = (at,) if isinstance(at, int) else tuple(at)
        whole = all(isinstance(m, int) and not isinstance(m, bool) and m > 0 for m in each)
        if not (each and whole) or sorted(set(each)) != list(each):
            raise ValueError(
                f"at must be a whole number of epochs from 1, or several that rise; got {at!r}"
            )
        self.at = at if isinstance(at, int) else each
        self.gamma = _share("gamma", gamma)

    def factor(self, t: float, epochs: int) -> float:
        steps = t // self.at if isinstance(self.at, int) else bisect_right(self.at, t)
        return self.gamma ** int(steps)


class Cosine(Schedule):
    r"""Let the rate fall along half a cosine, from all of it to a floor.

    .. math:: f(t) = f_0 + (1 - f_0)\,\frac{1 + \cos(\pi u)}{2}, \qquad u = \frac{t - w}{T - w}

    after a warm-up of `w` epochs, in which the rate rises along a line from a hundredth:

    .. math:: f(t) = 0.01 + 0.99\,t/w, \qquad t < w

    Parameters
    ----------
    warmup : float      epochs, or a part of one
    floor : float       :math:`f_0`, from 0 to 1: what is left in the end

    Raises
    ------
    ValueError
        Before training, if the warm-up is not shorter than the run.

    References
    ----------
    I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017,
    equation 5 (without restarts). P. Goyal et al., "Accurate, large minibatch SGD: training
    ImageNet in 1 hour", 2017, section 2.2; the hundredth is that of torchvision's recipes.
    """

    def __init__(self, *, warmup: float = 0, floor: float = 0.0) -> None:
        if not 0 <= warmup < math.inf:
            raise ValueError(f"warmup must be a number of epochs, 0 or more; got {warmup!r}")
        self.warmup, self.floor = warmup, _share("floor", floor)

    def factor(self, t: float, epochs: int) -> float:
        if self.warmup >= epochs:
            raise ValueError(f"a warm-up of {self.warmup} epochs needs a longer run than {epochs}")
        if t < self.warmup:
            return _line(WARMUP_FROM, 1.0, t / self.warmup)
        return _cosine(1.0, self.floor, (t - self.warmup) / (epochs - self.warmup))


class OneCycle(Schedule):
    r"""Rise to the whole rate, then fall far below where it began, each along half a cosine.

    .. math:: f(t) = \begin{cases} c(f_s, 1, u/p) & u < p \\ c(1, f_e, (u-p)/(1-p)) & u \ge p
              \end{cases}, \qquad u = t/T, \quad
              c(a, b, v) = b + (a - b)\,\frac{1 + \cos(\pi v)}{2}

    The optimizer's own rate is the highest of the run: about the one that
    `nanocnn.training.lr_range_test` suggests. Momentum stays as it is.

    Parameters
    ----------
    peak : float, between 0 and 1       :math:`p`, the share of the run that the rise takes
    start, end : float, from 0 to 1     :math:`f_s` and :math:`f_e`

    References
    ----------
    L. Smith, N. Topin, "Super-convergence: very fast training of neural networks using large
    learning rates", 2018. Cosines and the three defaults are those of PyTorch and fastai.
    """

    def __init__(self, *, peak: float = 0.3, start: float = 1 / 25, end: float = 4e-6) -> None:
        if not 0 < peak < 1:
            raise ValueError(f"peak must be between 0 and 1, got {peak!r}")
        self.peak, self.start, self.end = peak, _share("start", start), _share("end", end)

    def factor(self, t: float, epochs: int) -> float:
        u = t / epochs
        if u < self.peak:
            return _cosine(self.start, 1.0, u / self.peak)
        return _cosine(1.0, self.end, (u - self.peak) / (1 - self.peak))


class OnPlateau(Schedule):
    r"""Multiply the rate by `gamma` when a value of the logs has not got better for a while.

    .. math:: f = \max(\gamma^{k}, f_0)

    after `k` times `patience` epochs in a row without a new best. Its `factor` is a function of
    the values seen so far.

    Parameters
    ----------
    monitor : str
    gamma : float
    patience : int
        As in Keras; PyTorch steps one epoch later.
    min_delta, mode
        As in `nanocnn.EarlyStopping`.
    floor : float, from 0 to 1

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016,
    section 3.4: "divided by 10 when the error plateaus".
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        *,
        gamma: float = 0.1,
        patience: int = 5,
        min_delta: float = 0.0,
        mode: str = "auto",
        floor: float = 0.0,
    ) -> None:
        self.monitor = Monitor(monitor, mode, min_delta)
        self.gamma, self.floor = _share("gamma", gamma), _share("floor", floor)
        self.patience = check_patience(patience)
        self.values: list[float] = []

    def factor(self, values: Sequence[float]) -> float:  # type: ignore[override]
        """Return the factor after epochs that had these values."""
        best, wait, steps = self.monitor.worst, 0, 0
        for value in values:
            if self.monitor.is_better(value, best):
                best, wait = value, 0
                continue
            wait += 1
            if wait == self.patience:
                steps, wait = steps + 1, 0
        return max(self.gamma**steps, self.floor)

    def on_train_begin(self) -> None:
        self.monitor.check(self.logged)
        self.base, self.values = self.model.optimizer.learning_rate, []

    def on_batch_begin(self, batch: int) -> None:
        self._set(self.factor(self.values))

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self.values.append(self.monitor.read(logs))

    def get_state(self) -> dict[str, Any]:
        return {"base": self.base, "values": list(self.values)}

    def set_state(self, state: dict[str, Any]) -> None:
        self.base, self.values = state["base"], list(state["values"])


def _share(name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be from 0 to 1, got {value!r}")
    return float(value)


def _line(start: float, end: float, v: float) -> float:
    return start + (end - start) * v


def _cosine(start: float, end: float, v: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * v)) / 2
