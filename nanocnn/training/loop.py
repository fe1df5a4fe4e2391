"""The training loop, evaluation and prediction."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import ExitStack, closing
from typing import Any

import numpy as np

from ..layers.base import Array
from ..layers.keys import derive
from .accumulation import Gradients
from .batches import Target, Weighted, check_pixels, unweighted
from .callbacks import Callback
from .feeding import (
    Batches,
    Feed,
    Held,
    open_evaluation,
    open_prediction,
    open_training,
    open_validation,
)
from .history import History
from .objective import Objective
from .progress import Means, Progress
from .resuming import Resuming, describe_run


class Diverged(ArithmeticError):
    """The loss or a gradient became NaN or infinite; parameters are as before that batch."""


def _check_count(what: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{what} must be a whole number from 1, got {value!r}")


def _values(objective: Objective, loss: float, target: Target, y: Array) -> dict[str, float]:
    y = objective.finish(y) if objective.metrics else y
    true = unweighted(target)
    return {"loss": loss, **{name: metric(true, y) for name, metric in objective.metrics}}


def _loss(objective: Objective, y: Array, target: Target) -> tuple[float, Array]:
    """Call the loss; raise TypeError where your own one does not return what it must."""
    if isinstance(target, Weighted):
        result = objective.loss(y, target.target, sample_weight=target.weight)
    else:
        result = objective.loss(y, target)
    name = getattr(objective.loss, "__name__", "loss")
    if not (isinstance(result, tuple) and len(result) == 2 and np.ndim(result[0]) == 0):
        raise TypeError(f"{name} must return (loss, dy), a number and an array, got {result!r:.60}")
    value, dy = result
    if not isinstance(dy, np.ndarray) or dy.shape != y.shape or dy.dtype != y.dtype:
        given = f"{dy.dtype} {dy.shape}" if isinstance(dy, np.ndarray) else f"{dy!r:.60}"
        raise TypeError(f"{name} must return dy like y, {y.dtype} {y.shape}, got {given}")
    return float(value), dy


def _check_finite(loss: float, grads: Mapping[str, Array], epoch: int, batch: int) -> None:
    where = f"in epoch {epoch + 1}, batch {batch + 1}"
    what = "try a smaller learning rate, clip_norm, or look at the images of that batch"
    if not math.isfinite(loss):
        raise Diverged(f"the loss became {loss} {where}; {what}")
    with np.errstate(over="ignore", invalid="ignore"):
        for name, g in grads.items():
            # The sum is NaN or infinite if any element is; only then look at each.
            if not math.isfinite(float(g.sum())) and not np.isfinite(g).all():
                raise Diverged(f"the gradient of {name} became NaN or infinite {where}; {what}")


def train_step(
    model: Any,
    objective: Objective,
    x: Array,
    target: Target,
    key: int,
    epoch: int,
    batch: int,
    gradients: Gradients | None = None,
    last: bool = True,
) -> dict[str, float]:
    """Learn from one batch: forward, loss, backward, step. Return loss and metrics.

    The step is made with the mean of `gradients` and this one, if this is the `last` batch of it.
    """
    with np.errstate(all="ignore"):  # what overflows is told by the check below
        y, cache = objective.model.forward(x, training=True, rng=key)
        loss, dy = _loss(objective, y, target)
        _, grads = objective.model.backward(dy, cache, need_dx=False)
    _check_finite(loss, grads, epoch, batch)
    gradients = Gradients() if gradients is None else gradients
    gradients.add(len(x), grads)
    if last:
        model.optimizer.step(objective.model.params, gradients.take())
    objective.model.update_state(cache)
    return _values(objective, loss, target, y)


def fit(
    model: Any,
    x: Any,
    y: Any,
    *,
    epochs: int,
    batch_size: int,
    validation_data: Any,
    objective: Objective,
    sample_weight: Any,
    shuffle: bool,
    callbacks: tuple[Callback, ...],
    seed: int,
    verbose: bool,
    checkpoint: Any = None,
    accumulate: int = 1,
) -> History:
    """Train; the arguments are explained at `nanocnn.Sequential.fit`."""
    from tqdm import tqdm  # here, as it would take a fifth of the time of `import nanocnn`

    _check_count("epochs", epochs)
    _check_count("batch_size", batch_size)
    _check_count("accumulate", accumulate)
    feed = open_training(model, x, y, objective, batch_size, seed, shuffle, sample_weight)
    validation = open_validation(model, validation_data, objective, batch_size, feed)
    for given in (feed, validation):
        if isinstance(given, Held):
            check_pixels(given.images, model.input_shape, model.dtype)
    if validation is not None:
        from ..data.leaks import (
            warn_of_leaks,
        )  # here: `import nanocnn` does not load `nanocnn.data`

        warn_of_leaks(x, validation_data)
    plain = model.objective()  # validation is measured without class weights and smoothing
    for each in (objective, plain):
        each.model.ensure_built(model.input_shape)
    resuming = None
    if checkpoint is not None:
        run = describe_run(model, objective, feed, validation, seed, shuffle, accumulate)
        resuming = Resuming(checkpoint, model, callbacks, run, epochs)
    model.preparation = feed.preparation or model.preparation
    model.stop_training = False
    progress = Progress()
    names = ["loss", *(name for name, _ in objective.metrics)]
    names += [f"val_{name}" for name in names] if validation is not None else []
    for callback in callbacks:
        callback.model, callback.epochs, callback.n_batches = model, epochs, feed.n_batches
        callback.logged = tuple(names)
        callback.on_train_begin()
    with ExitStack() as ending:
        for callback in reversed(callbacks):  # so that they end in their order, even if one fails
            ending.callback(callback.on_train_end)
        if resuming is not None:
            resuming.restore(progress)
        while progress.epoch < epochs and not progress.stopped:
            epoch = progress.epoch
            bar = tqdm(desc=f"epoch {epoch + 1}/{epochs}", disable=not verbose,
                       total=feed.n_batches, initial=progress.batch)  # fmt: skip
            with bar:
                logs = _epoch(
                    model, feed, progress, objective, callbacks, seed, bar, resuming, accumulate
                )
                for callback in callbacks:
                    callback.on_validation_begin(epoch)
                if validation is not None:
                    measured = _measure(validation.epoch(0), plain)
                    logs |= {f"val_{name}": value for name, value in measured.items()}
                    _show(bar, logs)
            progress.end_epoch(logs)
            for callback in callbacks:
                callback.on_epoch_end(epoch, logs)
            progress.stopped = model.stop_training
            if resuming is not None:
                resuming.after_epoch(progress)
    return progress.history


def _show(bar: Any, logs: Mapping[str, float]) -> None:
    bar.set_postfix({name: f"{value:.4f}" for name, value in logs.items()}, refresh=False)


def _epoch(
    model: Any,
    feed: Feed,
    progress: Progress,
    objective: Objective,
    callbacks: tuple[Callback, ...],
    seed: int,
    bar: Any,
    resuming: Resuming | None,
    accumulate: int,
) -> dict[str, float]:
    """Learn from all images once, or from those that are left. Return means of loss and metrics."""
    epoch, done, means = progress.epoch, progress.batch, progress.means
    if not done:
        for callback in callbacks:
            callback.on_epoch_begin(epoch)
    with closing(feed.epoch(epoch)) as batches:  # an error or an interruption ends its threads
        for batch, (x, target) in enumerate(batches):
            if batch < done:  # before the interruption
                continue
            for callback in callbacks:
                callback.on_batch_begin(batch)
            key = derive(derive(seed, epoch), batch)
            last = (batch + 1) % accumulate == 0 or batch + 1 == feed.n_batches
            values = train_step(
                model, objective, x, target, key, epoch, batch, progress.gradients, last
            )
            means.add(len(x), values)
            progress.batch = batch + 1
            _show(bar, means.get())
            bar.update()
            for callback in callbacks:
                callback.on_batch_end(batch, means.get())
            if model.stop_training:
                break
            if resuming is not None:
                resuming.after_batch(progress, feed.n_batches)
    if progress.gradients.n:  # the epoch was stopped, or had fewer batches than it should
        model.optimizer.step(objective.model.params, progress.gradients.take())
    return means.get()


def _measure(batches: Batches, objective: Objective) -> dict[str, float]:
    means = Means()
    with closing(batches):
        for x, target in batches:
            y = objective.model(x)
            loss, _ = _loss(objective, y, target)
            means.add(len(x), _values(objective, loss, target, y))
    return means.get()


def evaluate(
    model: Any, x: Any, y: Any, *, batch_size: int, objective: Objective
) -> tuple[float, ...]:
    """Measure loss and metrics in inference; see `nanocnn.Sequential.evaluate`."""
    _check_count("batch_size", batch_size)
    feed = open_evaluation(model, x, y, objective, batch_size)
    objective.model.ensure_built(model.input_shape)
    scores: tuple[float, ...] = objective.scores(**_measure(feed.epoch(0), objective))
    return scores


def predict(model: Any, x: Any, *, batch_size: int) -> Array:
    """Run the model in inference, batch by batch; see `nanocnn.Sequential.predict`."""
    _check_count("batch_size", batch_size)
    with closing(open_prediction(model, x, batch_size)) as batches:
        return np.concatenate([model(batch) for batch in batches])
