"""Weights averaged over the steps of training: smoother than those of any one step."""

from __future__ import annotations

from typing import Any

from .callbacks import Callback, Logs
from .weights import Weights, copy_weights, put_weights


class WeightAverage(Callback):
    r"""Validate, and end, with an exponential average of the weights; learn with the raw ones.

    .. math:: a_t = a_{t-1} + \frac{1-d}{1-d^t}\,(p_t - a_{t-1})
                  = \frac{1-d}{1-d^t} \sum_{i=1}^{t} d^{\,t-i}\, p_i

    after step `t` of the optimizer. The denominator corrects the bias of a start at 0, as in Adam:
    the first average is the first :math:`p`, and early ones are nearly plain means.

    From the end of an epoch's batches until the next epoch begins the model holds the averages, so
    validation, other callbacks and checkpoints see them. It keeps them at the end, also after an
    error or Ctrl-C. Where an epoch is interrupted, `EarlyStopping` that comes after this callback
    in the list still puts the best epoch back; before it, the last average stays.

    Running statistics (`model.state`) are averaged alike. To recompute them from the training
    images would be exact, but costs an epoch's forward passes at each validation, and their
    average, one of averages already, is close.

    Parameters
    ----------
    decay : float, from 0 to below 1
        :math:`d`; about 1/(1-d) of the last steps count. Choose that below the number of steps in
        a few epochs.

    References
    ----------
    B. Polyak, A. Juditsky, "Acceleration of stochastic approximation by averaging", SIAM J.
    Control and Optimization 30, 1992. D. Kingma, J. Ba, "Adam", ICLR 2015, section 7.2, for this
    form.
    """

    def __init__(self, decay: float = 0.99) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be from 0 to below 1; got {decay!r}")
        self.decay = decay
        self.average: Weights | None = None
        self.raw: Weights | None = None  # while the model holds the average
        self.steps = self.seen = 0

    def on_train_begin(self) -> None:
        self.average = self.raw = None
        self.steps, self.seen = 0, self.model.optimizer.iterations

    def on_epoch_begin(self, epoch: int) -> None:
        if self.raw is not None:
            put_weights(self.model, self.raw)
            self.raw = None

    def on_batch_end(self, batch: int, logs: Logs) -> None:
        self._follow()

    def on_validation_begin(self, epoch: int) -> None:
        self._follow()  # an epoch that was stopped may have made a last step
        self._show()

    def on_train_end(self) -> None:
        if self.raw is None:
            self._show()
        self.average = self.raw = None

    def _follow(self) -> None:
        """Take the weights in, if there was a step: with accumulation not each batch has one."""
        if self.model.optimizer.iterations == self.seen:
            return
        self.seen = self.model.optimizer.iterations
        self.steps += 1
        if self.average is None:
            self.average = copy_weights(self.model)
            return
        share = (1 - self.decay) / (1 - self.decay**self.steps)
        for kind, now in (("params", self.model.params), ("state", self.model.state)):
            for name, value in now.items():
                mean = self.average[kind][name]
                if mean.dtype.kind == "f":
                    mean += share * (value - mean)
                else:  # counts are not averaged
                    mean[...] = value

    def _show(self) -> None:
        if self.average is not None:
            self.raw = copy_weights(self.model)
            put_weights(self.model, self.average)

    def get_state(self) -> dict[str, Any]:
        return {
            "average": self.average,
            "raw": self.raw,
            "steps": self.steps,
            "seen": int(self.seen),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        self.average, self.raw = state["average"], state["raw"]
        self.steps, self.seen = state["steps"], state["seen"]
