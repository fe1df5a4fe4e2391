"""Callbacks: your own code at fixed points of `fit`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Logs = Mapping[str, float]


class Callback:
    """Override what you need; each method does nothing here. Several run in the order given.

    `self.model` is the model in training. Set ``self.model.stop_training = True`` to end `fit`
    after the current batch. What a run that was interrupted must know when it goes on, such as the
    best epoch so far, goes through `get_state` and `set_state`.

    Examples
    --------
    >>> class Print(Callback):
    ...     def on_epoch_end(self, epoch, logs):
    ...         print(epoch, round(logs["loss"], 2))
    """

    model: Any = None
    epochs: int = 0  # of the run, and the batches of each: `fit` sets these before it begins
    n_batches: int = 0
    logged: tuple[str, ...] = ()  # the names that there will be in an epoch's logs

    def on_train_begin(self) -> None:
        """Before the first epoch."""

    def on_epoch_begin(self, epoch: int) -> None:
        """Before an epoch; the first is 0."""

    def on_batch_begin(self, batch: int) -> None:
        """Before a batch is learnt from; the epoch's first is 0."""

    def on_batch_end(self, batch: int, logs: Logs) -> None:
        """After a batch was learnt from; the epoch's first is 0. Logs: means so far."""

    def on_validation_begin(self, epoch: int) -> None:
        """After an epoch's last batch, before its validation; also if there is none."""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """After an epoch and its validation. Logs: loss, metrics, and val_... of each."""

    def on_train_end(self) -> None:
        """After the last epoch, also if training ended early or with an error."""

    def get_state(self) -> dict[str, Any]:
        """Return what a checkpoint must keep: numbers, texts and arrays by name."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take over what `get_state` returned; called after `on_train_begin`."""
