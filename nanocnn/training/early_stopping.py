"""End training when it gets no better, and keep the best."""

from __future__ import annotations

from typing import Any

from .callbacks import Callback, Logs
from .monitor import Monitor, check_patience
from .weights import Weights, copy_weights, put_weights


class EarlyStopping(Callback):
    """End training after `patience` epochs in which a value of the logs did not get better.

    Parameters
    ----------
    monitor : str
        A name in the logs: "loss", a metric, or either with "val_" before it.
    patience : int
        So many epochs in a row without a new best end the run, as in Keras.
    min_delta : float
        An epoch must be better than the best by more than this to be a new best.
    mode : "min", "max" or "auto"
        Whether less is better, or more; "auto" goes by the name (a loss falls, an accuracy rises)
        and raises where the name tells nothing.
    restore_best : bool
        Put parameters and state (running statistics) of the best epoch back at the end, however
        the run ends: stopped early, at full length when the last epoch was not the best (Keras
        does not), by an error, or by Ctrl-C. The optimizer's averages stay those of the last step.

    Attributes
    ----------
    best : float            the best value so far
    best_epoch : int        the epoch it is from, the first is 0; -1 if there is none
    wait : int              epochs since then

    Raises
    ------
    ValueError
        Before training, if there will be no value of that name; the message lists those that
        there will be.

    Examples
    --------
    >>> import nanocnn as nc
    >>> stop = nc.EarlyStopping("val_accuracy", patience=5)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        *,
        patience: int = 10,
        min_delta: float = 0.0,
        mode: str = "auto",
        restore_best: bool = True,
    ) -> None:
        self.monitor = Monitor(monitor, mode, min_delta)
        self.patience = check_patience(patience)
        self.restore_best = bool(restore_best)
        self._begin()

    def _begin(self) -> None:
        self.best, self.best_epoch, self.wait = self.monitor.worst, -1, 0
        self.weights: Weights | None = None

    def on_train_begin(self) -> None:
        self.monitor.check(self.logged)
        self._begin()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        value = self.monitor.read(logs)
        if self.monitor.is_better(value, self.best):
            self.best, self.best_epoch, self.wait = value, epoch, 0
            if self.restore_best:
                self.weights = copy_weights(self.model)
            return
        self.wait += 1
        if self.wait >= self.patience:
            self.model.stop_training = True

    def on_train_end(self) -> None:
        if self.weights is not None:
            put_weights(self.model, self.weights)
            self.weights = None  # a callback may outlive the run by far

    def get_state(self) -> dict[str, Any]:
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "wait": self.wait,
            "weights": self.weights,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self.wait, self.weights = state["wait"], state["weights"]
