"""A training process to be killed: run as a script with a folder, and a place to stop at."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import nanocnn as nc
from nanocnn import files
from nanocnn.data import Augment, DataLoader
from nanocnn.training import Checkpoint
from tests.models.examples import pictures

EPOCHS, BATCHES = 8, 10


class Told(nc.Callback):
    """Say that training begins, and take a few milliseconds for each batch."""

    def on_train_begin(self) -> None:
        print("ready", flush=True)

    def on_batch_end(self, batch: int, logs: Any) -> None:
        time.sleep(0.005)


def train(folder: str | None) -> str:
    """Train, and return a hash of weights, optimizer and history."""
    layers = [nc.Conv2D(4, 3, activation="relu"), nc.MaxPool2D(3), nc.Flatten(), nc.Dropout(0.3),
              nc.Dense(2)]  # fmt: skip
    model = nc.Sequential(layers, input_shape=(14, 12, 3), seed=1)
    optimizer = nc.AdamW(0.01)
    model.compile(optimizer, "softmax_cross_entropy")
    augment = Augment(flip="horizontal", noise=0.02)
    loader = DataLoader(pictures(4 * BATCHES), 4, seed=2, augment=augment, mixup=0.2)
    checkpoint = None if folder is None else Checkpoint(folder, 3, unit="batch", keep=2)
    history = model.fit(loader, epochs=EPOCHS, validation_data=pictures(6, seed=1), verbose=False,
                        callbacks=[Told()] if folder else [], checkpoint=checkpoint)  # fmt: skip
    hashed = hashlib.sha256(repr(history.history).encode())
    for arrays in (model.params, optimizer.state):
        for name, value in sorted(arrays.items()):
            hashed.update(name.encode() + np.asarray(value, order="C").tobytes())
    return hashed.hexdigest()


def stop() -> None:
    print("stopped", flush=True)
    time.sleep(600)


class HalfWritten:
    """A file that stops the process when half of its bytes are in it."""

    def __init__(self, path: Path, mode: str) -> None:
        self.file = open(path, mode, buffering=0)  # noqa: SIM115

    def __enter__(self) -> HalfWritten:
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()

    def write(self, data: bytes) -> None:
        self.file.write(data[: len(data) // 2])
        stop()


def stop_at(place: str) -> None:
    """Make the fifth checkpoint the one in which the process stops."""
    rename, written = os.replace, []

    def replace(source: Any, target: Any) -> None:
        if place == "before the rename" and len(written) == 4:
            stop()
        rename(source, target)
        written.append(target)
        if place == "after the rename" and len(written) == 5:
            stop()
        if place == "half written" and len(written) == 4:
            files.open = HalfWritten  # type: ignore[attr-defined]

    os.replace = replace


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    if len(sys.argv) > 2:
        stop_at(sys.argv[2])
    print(train(sys.argv[1]))
