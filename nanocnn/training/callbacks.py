"""Callbacks: your own code at fixed points of `fit`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Logs = Mapping[str, float]


class Callback:
    """Override what you need; each method does nothing here.

    `self.model` is the model in training. Set ``self.model.stop_training = True`` to end `fit`
    after the current batch.

    Examples
    --------
    >>> class Print(Callback):
    ...     def on_epoch_end(self, epoch, logs):
    ...         print(epoch, round(logs["loss"], 2))
    """

    model: Any = None

    def on_train_begin(self) -> None:
        """Before the first epoch."""

    def on_epoch_begin(self, epoch: int) -> None:
        """Before an epoch; the first is 0."""

    def on_batch_end(self, batch: int, logs: Logs) -> None:
        """After a batch was learnt from; the epoch's first is 0. Logs: means so far."""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """After an epoch and its validation. Logs: loss, metrics, and val_... of each."""

    def on_train_end(self) -> None:
        """After the last epoch, also if training ended early or with an error."""
