"""A learning rate that falls, so that the last steps only settle."""

from __future__ import annotations

import math

import nanocnn as nc
from nanocnn.training.callbacks import Logs


class CosineDecay(nc.Callback):
    """Let the learning rate fall along half a cosine, batch by batch."""

    base = 0.0
    epoch = 0

    def on_train_begin(self) -> None:
        self.base = self.model.optimizer.learning_rate

    def on_epoch_begin(self, epoch: int) -> None:
        self.epoch = epoch

    def on_batch_end(self, batch: int, logs: Logs) -> None:
        share = (self.epoch + (batch + 1) / self.n_batches) / self.epochs
        self.model.optimizer.learning_rate = self.base * (1 + math.cos(math.pi * share)) / 2
