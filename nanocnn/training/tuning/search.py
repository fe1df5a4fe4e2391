"""What all trials of a search have in common, and the training of one of them."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...layers.base import Array
from ..batches import image_shape, is_dataset
from ..fingerprint import name_of
from ..loop import Diverged
from ..recipe import check_is_new, make
from ..samples import open_samples, take, train_on
from .space import draw
from .store import Outcome

FITTING = ("class_weight", "label_smoothing", "callbacks")
LOADING = ("augment", "mixup", "balanced", "shuffle")


class Samples:
    """Images to learn from, and images to measure on; a test part is left alone.

    Raises
    ------
    ValueError, DataError
        If they do not fit, or cannot be divided.
    """

    def __init__(
        self, dataset: Any, validation: Any, share: float, seed: int, groups: Any, preparation: Any
    ) -> None:
        from ...data import DataLoader, stratified_split

        self.images, self.targets, labels, owners = open_samples(dataset, groups, preparation)
        self.chosen = np.arange(len(labels))
        parts = dataset.parts if is_dataset(dataset) else ()
        if "train" in parts:
            self.chosen = np.flatnonzero(dataset.split == "train")
        elif "test" in parts:
            raise ValueError(
                f"the data set has the parts {', '.join(parts)} and no 'train': nothing is chosen "
                "on a test part; give a data set to learn from"
            )
        if validation is not None:
            self.validation = validation
        elif "train" in parts and "val" in parts:
            self.validation = dataset.part("val")
        else:
            owners = None if owners is None else owners[self.chosen]
            train, val = stratified_split(
                labels[self.chosen], (1 - share, share), seed, groups=owners
            )
            self.validation = take(self.images, self.targets, self.chosen[val])
            if is_dataset(dataset):
                self.validation = self.validation[0]
            self.chosen = self.chosen[train]
        self.preparation = None
        if preparation is not None:
            self.preparation = preparation.fit(self.images.subset(self.chosen))
        x, y = take(self.images, self.targets, self.chosen[:1])
        loader = DataLoader(x if y is None else (x, y), 1, preparation=self.preparation)
        self.first: Array = loader.peek()[0]


@dataclass
class Search:
    """The user's function, where its values come from, and how its models are trained."""

    build: Callable[..., Any]
    space: dict[str, Any]
    samples: Samples
    options: dict[str, Any]
    seed: int
    monitor: str
    last: Any = None

    def values(self, trial: int) -> dict[str, Any]:
        """Return a trial's hyper-parameters."""
        return draw(self.space, self.seed, trial)

    def seed_of(self, trial: int) -> int:
        """Return the seed of a trial's model and of its training."""
        return int(np.random.SeedSequence([self.seed, trial, 1]).generate_state(1)[0])

    def make(self, trial: int) -> tuple[Any, dict[str, Any]]:
        """Return a trial's new model, built, and its arguments of `fit`."""
        made = make(self.build, self.seed_of(trial), **self.values(trial))
        model, given = made if isinstance(made, tuple) and len(made) == 2 else (made, {})
        unknown = [name for name in given if name not in self.options]
        if unknown:
            raise ValueError(
                f"build returned the fit argument {unknown[0]!r}; known are "
                f"{', '.join(self.options)}"
            )
        check_is_new(model, None, "build")
        model.ensure_built(image_shape(self.samples.first, model.input_shape))
        return model, {**self.options, **given}

    def first_that_builds(self, trials: int) -> tuple[Any, dict[str, Any]]:
        """Return the model and options of the first trial that has one.

        Raises
        ------
        Exception
            The first trial's, if no trial can be built: then it is not the values that are wrong.
        """
        first: Exception | None = None
        for trial in range(trials):
            try:
                return self.make(trial)
            except Exception as error:
                first = first or error
        assert first is not None
        raise first

    def train(self, trial: int, epochs: int) -> tuple[Outcome, Any]:
        """Train a trial from the start. Return what came of it, and the model if there is one."""
        begun = time.perf_counter()

        def failed(reason: str) -> tuple[Outcome, None]:
            seconds = time.perf_counter() - begun
            return Outcome(None, seconds, " ".join(reason.split()), {}), None

        try:
            model, options = self.make(trial)
        except Exception as error:  # of the user's function: these values cannot be built
            return failed(f"{type(error).__name__}: {error}")
        check_is_new(model, self.last, "build", "trial")
        self.last = model
        fitting = {name: options[name] for name in FITTING}
        fitting |= {"epochs": epochs, "verbose": False, "validation_data": self.samples.validation}
        try:
            history = train_on(
                model, self.samples.images, self.samples.targets, self.samples.chosen,
                self.samples.preparation, options["batch_size"], self.seed_of(trial),
                {name: options[name] for name in LOADING}, fitting,
            )  # fmt: skip
        except Diverged as error:
            return failed(f"Diverged: {error}")
        score = history[self.monitor][-1]
        if not math.isfinite(score):
            return failed(f"{self.monitor} is {score}")
        return Outcome(score, time.perf_counter() - begun, "", history), model


def check_build(build: Any, space: Mapping[str, Any]) -> None:
    """Raise ValueError if the function does not take the names of the space, or needs others."""
    if not callable(build):
        raise TypeError(
            f"build must be a function that returns a compiled model, got {build!r:.60}"
        )
    try:
        taken = inspect.signature(build).parameters
    except (TypeError, ValueError):
        return
    takes_all = any(p.kind is p.VAR_KEYWORD for p in taken.values())
    for name in space:
        if not takes_all and name not in taken:
            raise ValueError(
                f"space has {name!r}, which build does not take; it takes "
                f"{', '.join(taken) or 'nothing'}"
            )
    for name, p in taken.items():
        needed = p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
        if needed and name not in space and name != "seed":
            raise ValueError(f"build needs {name!r}, which space does not have; add it")


def check_monitor(monitor: str, mode: str | None, model: Any) -> str:
    """Return "max" or "min"; raise ValueError if there is no such number, or no telling."""
    known = [f"val_{name}" for name in ("loss", *map(name_of, model.metrics))]
    if monitor not in known:
        raise ValueError(
            f"monitor {monitor!r} is unknown; with this model it can be {' or '.join(known)}: "
            "others come with compile(metrics=[...])"
        )
    usual = {"val_loss": "min", "val_accuracy": "max"}.get(monitor)
    if mode not in ("max", "min", None):
        raise ValueError(f"mode={mode!r} is unknown; give 'max' or 'min'")
    if mode is None and usual is None:
        raise ValueError(f"say whether more {monitor} is better, mode='max', or less, mode='min'")
    chosen = mode or usual
    assert chosen is not None
    return chosen
