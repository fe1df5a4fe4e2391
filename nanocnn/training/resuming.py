"""Going on where a run was interrupted: what a checkpoint holds, and how it is taken over."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..layers.base import Array
from .accumulation import Gradients
from .callbacks import Callback
from .checkpoint import Checkpoint
from .feeding import Feed, Held
from .fingerprint import describe_options, difference, fingerprint, plain
from .objective import Objective
from .progress import Means, Progress

FORMAT = 1


def describe_run(
    model: Any,
    objective: Objective,
    feed: Feed,
    validation: Feed | None,
    seed: int,
    shuffle: bool,
    accumulate: int,
) -> dict[str, Any]:
    """Return what must be the same for a run to go on; the number of epochs may grow."""
    about = model.contents()[0]
    run = {
        "model": about["model"],
        "compile": about["compile"],
        "loss": describe_options(getattr(objective.loss, "keywords", {})),
        "preparation": plain(feed.preparation),
        "seed": seed,
        "shuffle": shuffle,
        "accumulate": accumulate,
        "data": _describe(feed),
        "validation": None if validation is None else _describe(validation),
    }
    described: dict[str, Any] = json.loads(json.dumps(run))
    return described


def _describe(feed: Feed) -> dict[str, Any]:
    if isinstance(feed, Held):
        return {"images": list(feed.images.shape), "batch_size": feed.batch_size,
                "contents": fingerprint(feed.images, feed.targets)}  # fmt: skip
    loader, targets = feed.loader, feed.loader.targets
    told = "__repr__" in vars(type(loader))  # that of any object tells an address
    return {
        "loader": repr(loader) if told else type(loader).__name__,
        "batches": len(loader),
        "targets": None if targets is None else fingerprint(np.asarray(targets), None),
    }


class Resuming:
    """Ties a run to its checkpoints.

    Raises
    ------
    ValueError
        If those in the folder are of another run. Nothing has been changed then.
    """

    def __init__(
        self,
        checkpoint: str | os.PathLike[str] | Checkpoint,
        model: Any,
        callbacks: tuple[Callback, ...],
        run: dict[str, Any],
        epochs: int,
    ) -> None:
        if not isinstance(checkpoint, Checkpoint):
            checkpoint = Checkpoint(checkpoint)
        self.checkpoint, self.model, self.callbacks = checkpoint, model, callbacks
        self.run, self.epochs = run, epochs
        if not isinstance(getattr(model.optimizer, "state", None), dict):
            raise TypeError(
                f"{type(model.optimizer).__name__} has no dict `state`, so a checkpoint could not "
                "keep what it knows; derive it from nanocnn.optimizers.Optimizer"
            )
        self._about, self._tensors = self._find()

    def _find(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Read the newest checkpoint, and check that it is one of this run."""
        found = self.checkpoint.read()
        if found is None:
            return {}, {}
        folder, about = str(self.checkpoint.folder), json.loads(found[0].get("training", "{}"))
        if about.get("format") != FORMAT:
            raise ValueError(
                f"checkpoints in {folder!r} have format {about.get('format')!r}, this version of "
                f"nanocnn reads {FORMAT}; give another folder"
            )
        differs = difference(about["run"], self.run)
        if differs:
            raise ValueError(
                f"folder {folder!r} has checkpoints of another run: {differs}; give another folder"
            )
        if (about["epoch"], about["batch"]) > (self.epochs, 0):
            raise ValueError(
                f"the run in {folder!r} has come to epoch {about['epoch'] + 1}, batch "
                f"{about['batch']}, beyond epochs={self.epochs}; give more, or another folder"
            )
        _match(about["callbacks"], self.callbacks)
        return about, found[1]

    def restore(self, progress: Progress) -> None:
        """Bring the model, what trains it, and `progress` to where the newest checkpoint stands."""
        about, tensors = self._about, self._tensors
        if not about:
            return
        model, optimizer = self.model, self.model.optimizer
        for name, p in model.params.items():
            p[...] = tensors[f"params/{name}"]
        model.state = _under("state/", tensors)
        optimizer.state = _under("optimizer/", tensors)
        optimizer.iterations, optimizer.learning_rate = about["iterations"], about["learning_rate"]
        for layer, trainable in zip(_leaves(model), about["trainable"], strict=True):
            layer.trainable = trainable
        for callback, state in _match(about["callbacks"], self.callbacks):
            callback.set_state(_unpack(state, tensors))
        progress.epoch, progress.batch = about["epoch"], about["batch"]
        progress.means = Means(about["sums"], about["n"])
        progress.gradients = Gradients(_under("gradients/", tensors), about["gradients"])
        progress.history.history.update(about["history"])
        progress.stopped = about["stopped"] and self.epochs <= about["epochs"]
        self._about, self._tensors = {}, {}  # they may be large

    def after_batch(self, progress: Progress, n_batches: int) -> None:
        """Write a checkpoint in the midst of an epoch, if one is due."""
        if self.checkpoint.is_due(progress, n_batches):
            self._save(progress)

    def after_epoch(self, progress: Progress) -> None:
        """Write a checkpoint at the end of an epoch, if one is due, or the run has ended."""
        ended = progress.stopped or progress.epoch >= self.epochs
        if ended or self.checkpoint.is_due(progress, 0):
            self._save(progress)

    def _save(self, progress: Progress) -> None:
        model, optimizer = self.model, self.model.optimizer
        about, tensors = model.contents()
        tensors |= {f"optimizer/{key}": np.asarray(value, order="C")
                    for key, value in optimizer.state.items()}  # fmt: skip
        tensors |= {f"gradients/{k}": np.asarray(g, order="C")
                    for k, g in progress.gradients.mean.items()}  # fmt: skip
        known = []
        for i, callback in enumerate(self.callbacks):
            name = type(callback).__name__
            state = _pack(callback.get_state(), f"callbacks/{i}", tensors, name)
            known.append({"name": name, "state": state})
        training = {
            "format": FORMAT,
            "run": self.run,
            "epochs": self.epochs,
            "epoch": progress.epoch,
            "batch": progress.batch,
            "sums": progress.means.sums,
            "n": progress.means.n,
            "gradients": progress.gradients.n,
            "history": progress.history.history,
            "stopped": progress.stopped,
            "iterations": int(optimizer.iterations),
            "learning_rate": float(optimizer.learning_rate),
            "trainable": [layer.trainable for layer in _leaves(model)],
            "callbacks": known,
        }
        texts = {"nanocnn": json.dumps(about), "training": json.dumps(training)}
        self.checkpoint.write(progress, texts, tensors)


def _under(start: str, tensors: dict[str, Array]) -> dict[str, Array]:
    return {key[len(start) :]: value for key, value in tensors.items() if key.startswith(start)}


def _leaves(layer: Any) -> Iterator[Any]:
    parts = getattr(layer, "layers", ())
    for part in parts:
        yield from _leaves(part)
    if not parts:
        yield layer


def _match(
    known: list[dict[str, Any]], callbacks: tuple[Callback, ...]
) -> list[tuple[Callback, dict[str, Any]]]:
    """Return each callback with its state; the second of a class gets that of the second.

    Raises
    ------
    ValueError
        If one is missing that has a state: the run would not be the same without it.
    """
    by_name: dict[tuple[str, int], Callback] = {}
    count: Counter[str] = Counter()
    for callback in callbacks:
        name = type(callback).__name__
        by_name[name, count[name]] = callback
        count[name] += 1
    matched, seen = [], Counter[str]()
    for about in known:
        name = about["name"]
        found = by_name.get((name, seen[name]))
        seen[name] += 1
        if not about["state"]:
            continue
        if found is None:
            raise ValueError(
                f"the run that is to go on had a callback {name} whose state it needs; give it too"
            )
        matched.append((found, about["state"]))
    return matched


def _pack(value: Any, name: str, tensors: dict[str, Array], owner: str) -> Any:
    """Return a callback's state as JSON can hold it, with arrays moved to `tensors`."""
    if isinstance(value, dict):
        return {str(k): _pack(v, f"{name}/{k}", tensors, owner) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_pack(v, f"{name}/{i}", tensors, owner) for i, v in enumerate(value)]
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        tensors[name] = np.asarray(value, order="C")
        return {"array": name}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(
        f"{owner}.get_state returned {value!r:.60} in {name!r}; a checkpoint keeps numbers, texts, "
        "arrays, and lists and dicts of them"
    )


def _unpack(value: Any, tensors: dict[str, Array]) -> Any:
    if isinstance(value, list):
        return [_unpack(v, tensors) for v in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"array"} and value["array"] in tensors:
        return tensors[value["array"]]
    return {key: _unpack(v, tensors) for key, v in value.items()}
